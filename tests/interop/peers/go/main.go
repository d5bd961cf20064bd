// The official Go client: `client PLAN http URL` or `client PLAN stdio COMMAND...`.
//
// PLAN is JSON: {"mode": the revision to ask for, "" for what the SDK prefers}. What the client saw of the pier is
// printed as one JSON document; whatever fails ends it with status 1 and a line on stderr.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"os/exec"
	"sort"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

const (
	flag     = "harbour://flag"
	patience = 30 * time.Second
)

type plan struct {
	Mode string `json:"mode"`
}

type document struct {
	Revision  string   `json:"revision"`
	Server    string   `json:"server"`
	Tools     []string `json:"tools"`
	Resources []string `json:"resources"`
	Sum       string   `json:"sum"`
	Counted   string   `json:"counted"`
	Progress  [][]any  `json:"progress"`
	Asked     []string `json:"asked"`
	Berth     string   `json:"berth"`
	Flag      []string `json:"flag"`
	Changes   []string `json:"changes"`
	GivenUp   bool     `json:"givenUp"`
	Waited    string   `json:"waited"`
}

// What the server says by itself, in the order it arrives.
type hearing struct {
	progress chan []any
	changes  chan string
	asked    []string // written while a call is awaited that asks, read when it has returned
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	var plan plan
	if err := json.Unmarshal([]byte(os.Args[1]), &plan); err != nil {
		log.Fatal(err)
	}
	seen, err := look(ctx, plan, os.Args[2], os.Args[3:])
	if err != nil {
		log.Fatal(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(seen); err != nil {
		log.Fatal(err)
	}
}

func look(ctx context.Context, plan plan, wire string, target []string) (*document, error) {
	heard := &hearing{progress: make(chan []any, 100), changes: make(chan string, 100)}
	options := &mcp.ClientSessionOptions{ProtocolVersion: plan.Mode}
	session, err := newClient(heard).Connect(ctx, transport(wire, target), options)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	seen := &document{
		Revision: session.InitializeResult().ProtocolVersion,
		Server:   session.InitializeResult().ServerInfo.Name,
	}
	for _, step := range []func(context.Context, *mcp.ClientSession, *hearing, *document) error{
		list, callAndRead, hearChanges, giveUp,
	} {
		if err := step(ctx, session, heard, seen); err != nil {
			return nil, err
		}
	}
	return seen, session.Close()
}

func transport(wire string, target []string) mcp.Transport {
	if wire == "http" {
		return &mcp.StreamableClientTransport{Endpoint: target[0]}
	}
	return &mcp.CommandTransport{Command: exec.Command(target[0], target[1:]...)}
}

func newClient(heard *hearing) *mcp.Client {
	return mcp.NewClient(&mcp.Implementation{Name: "go-peer", Version: "1"}, &mcp.ClientOptions{
		ElicitationHandler: func(_ context.Context, request *mcp.ElicitRequest) (*mcp.ElicitResult, error) {
			heard.asked = append(heard.asked, request.Params.Message)
			return &mcp.ElicitResult{Action: "accept", Content: map[string]any{"length": 30, "pilot": false}}, nil
		},
		ProgressNotificationHandler: func(_ context.Context, request *mcp.ProgressNotificationClientRequest) {
			heard.progress <- []any{request.Params.Progress, request.Params.Total, request.Params.Message}
		},
		ToolListChangedHandler: func(context.Context, *mcp.ToolListChangedRequest) {
			heard.changes <- "tools"
		},
		ResourceUpdatedHandler: func(_ context.Context, request *mcp.ResourceUpdatedNotificationRequest) {
			heard.changes <- "resource " + request.Params.URI
		},
	})
}

func list(ctx context.Context, session *mcp.ClientSession, _ *hearing, seen *document) error {
	for tool, err := range session.Tools(ctx, nil) {
		if err != nil {
			return fmt.Errorf("list tools: %w", err)
		}
		seen.Tools = append(seen.Tools, tool.Name)
	}
	for resource, err := range session.Resources(ctx, nil) {
		if err != nil {
			return fmt.Errorf("list resources: %w", err)
		}
		seen.Resources = append(seen.Resources, resource.URI)
	}
	return nil
}

func callAndRead(ctx context.Context, session *mcp.ClientSession, heard *hearing, seen *document) (err error) {
	if seen.Sum, err = call(ctx, session, "add", map[string]any{"a": 1, "b": 2}, nil); err != nil {
		return err
	}
	if seen.Counted, err = call(ctx, session, "count", map[string]any{"to": 3}, "counting"); err != nil {
		return err
	}
	for range 3 {
		select {
		case step := <-heard.progress:
			seen.Progress = append(seen.Progress, step)
		case <-time.After(patience):
			return fmt.Errorf("only %d steps of progress arrived", len(seen.Progress))
		}
	}
	if seen.Berth, err = call(ctx, session, "berth", map[string]any{}, nil); err != nil {
		return err
	}
	seen.Asked = heard.asked
	read, err := session.ReadResource(ctx, &mcp.ReadResourceParams{URI: flag})
	if err != nil {
		return fmt.Errorf("read: %w", err)
	}
	for _, part := range read.Contents {
		seen.Flag = append(seen.Flag, part.Text)
	}
	return nil
}

func hearChanges(ctx context.Context, session *mcp.ClientSession, heard *hearing, seen *document) error {
	if err := session.Subscribe(ctx, &mcp.SubscribeParams{URI: flag}); err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	if _, err := call(ctx, session, "raise_flag", map[string]any{}, nil); err != nil {
		return err
	}
	for range 2 {
		select {
		case change := <-heard.changes:
			seen.Changes = append(seen.Changes, change)
		case <-time.After(patience):
			return fmt.Errorf("of the changes only %v arrived", seen.Changes)
		}
	}
	sort.Strings(seen.Changes)
	if err := session.Unsubscribe(ctx, &mcp.UnsubscribeParams{URI: flag}); err != nil {
		return fmt.Errorf("unsubscribe: %w", err)
	}
	return nil
}

func giveUp(ctx context.Context, session *mcp.ClientSession, _ *hearing, seen *document) error {
	waiting, leave := context.WithCancel(ctx)
	defer leave()
	ended := make(chan error, 1)
	go func() {
		_, err := call(waiting, session, "wait", map[string]any{}, nil)
		ended <- err
	}()
	if _, err := call(ctx, session, "begun", map[string]any{}, nil); err != nil {
		return err
	}
	leave()
	err := <-ended
	if seen.GivenUp = errors.Is(err, context.Canceled); !seen.GivenUp {
		return fmt.Errorf("the call given up ended with: %w", err)
	}
	seen.Waited, err = call(ctx, session, "waited", map[string]any{}, nil)
	return err
}

func call(ctx context.Context, session *mcp.ClientSession, tool string, arguments, token any) (string, error) {
	params := &mcp.CallToolParams{Name: tool, Arguments: arguments}
	if token != nil {
		params.SetProgressToken(token)
	}
	result, err := session.CallTool(ctx, params)
	if err != nil {
		return "", fmt.Errorf("call %s: %w", tool, err)
	}
	text, ok := result.Content[0].(*mcp.TextContent)
	if !ok || result.IsError {
		return "", fmt.Errorf("call %s: %v", tool, result)
	}
	return text.Text, nil
}
