// A harbour on the official Go SDK: `harbour stdio` or `harbour http PORT`.
//
// Every harbour has the same: tools that add, count, ask, wait and raise the flag, and one resource that flies it.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

const flag = "harbour://flag"

var question = &mcp.ElicitParams{
	Message: "How long is the ship?",
	RequestedSchema: json.RawMessage(`{
		"type": "object",
		"properties": {
			"length": {"type": "integer", "minimum": 1},
			"pilot": {"type": "boolean", "default": true}
		},
		"required": ["length"]
	}`),
}

type arguments struct {
	A, B, To int
}

type tool func(ctx context.Context, request *mcp.CallToolRequest, given arguments) (string, error)

func main() {
	server := harbour()
	if os.Args[1] == "stdio" {
		if err := server.Run(context.Background(), &mcp.StdioTransport{}); err != nil {
			log.Print(err)
		}
		return
	}
	// With sessions it speaks the older revisions, without them 2026-07-28.
	same := func(*http.Request) *mcp.Server { return server }
	http.Handle("/sessions", mcp.NewStreamableHTTPHandler(same, nil))
	http.Handle("/mcp", mcp.NewStreamableHTTPHandler(same, &mcp.StreamableHTTPOptions{Stateless: true}))
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Args[2], nil))
}

func harbour() *mcp.Server {
	server := mcp.NewServer(&mcp.Implementation{Name: "harbour", Version: "1"}, &mcp.ServerOptions{
		SubscribeHandler:   func(context.Context, *mcp.SubscribeRequest) error { return nil },
		UnsubscribeHandler: func(context.Context, *mcp.UnsubscribeRequest) error { return nil },
	})
	cancelled := make(chan struct{})
	var once sync.Once
	add(server, "add", `{"a": {"type": "integer"}, "b": {"type": "integer"}}`,
		func(_ context.Context, _ *mcp.CallToolRequest, given arguments) (string, error) {
			return fmt.Sprint(given.A + given.B), nil
		})
	add(server, "count", `{"to": {"type": "integer"}}`, count)
	add(server, "wait", `{}`, func(ctx context.Context, _ *mcp.CallToolRequest, _ arguments) (string, error) {
		<-ctx.Done()
		once.Do(func() { close(cancelled) })
		return "", ctx.Err()
	})
	add(server, "waited", `{}`, func(context.Context, *mcp.CallToolRequest, arguments) (string, error) {
		select {
		case <-cancelled:
			return "cancelled", nil
		case <-time.After(10 * time.Second):
			return "not cancelled", nil
		}
	})
	add(server, "raise_flag", `{}`, func(ctx context.Context, _ *mcp.CallToolRequest, _ arguments) (string, error) {
		add(server, "lower_flag", `{}`, func(context.Context, *mcp.CallToolRequest, arguments) (string, error) {
			return "lowered", nil
		})
		return "raised", server.ResourceUpdated(ctx, &mcp.ResourceUpdatedNotificationParams{URI: flag})
	})
	server.AddTool(shaped("berth", `{}`), berth)
	server.AddResource(&mcp.Resource{URI: flag, Name: "flag"},
		func(context.Context, *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
			contents := []*mcp.ResourceContents{{URI: flag, Text: "blue and white"}}
			return &mcp.ReadResourceResult{Contents: contents}, nil
		})
	return server
}

func shaped(name, properties string) *mcp.Tool {
	schema := json.RawMessage(`{"type": "object", "properties": ` + properties + `}`)
	return &mcp.Tool{Name: name, Description: name, InputSchema: schema}
}

func add(server *mcp.Server, name, properties string, run tool) {
	server.AddTool(shaped(name, properties),
		func(ctx context.Context, request *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			var given arguments
			if err := json.Unmarshal(request.Params.Arguments, &given); err != nil {
				return nil, err
			}
			text, err := run(ctx, request, given)
			if err != nil {
				return nil, err
			}
			return say(text), nil
		})
}

func say(text string) *mcp.CallToolResult {
	return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: text}}}
}

func count(ctx context.Context, request *mcp.CallToolRequest, given arguments) (string, error) {
	for step := 1; step <= given.To; step++ {
		err := request.Session.NotifyProgress(ctx, &mcp.ProgressNotificationParams{
			ProgressToken: request.Params.GetProgressToken(),
			Progress:      float64(step),
			Total:         float64(given.To),
			Message:       fmt.Sprintf("step %d", step),
		})
		if err != nil {
			return "", err
		}
	}
	return fmt.Sprint(given.To), nil
}

func berth(_ context.Context, request *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	answer, ok := request.Params.InputResponses["berth"].(*mcp.ElicitResult)
	if !ok {
		return &mcp.CallToolResult{InputRequests: mcp.InputRequestMap{"berth": question}}, nil
	}
	if answer.Action != "accept" {
		return say(answer.Action), nil
	}
	pilot := "without"
	if answer.Content["pilot"] == true {
		pilot = "with"
	}
	return say(fmt.Sprintf("%v m, %s pilot", answer.Content["length"], pilot)), nil
}
