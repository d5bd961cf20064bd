// The measured server on the official Go SDK: `server http PORT` or `server stdio 0`.
//
// BENCH_SET, BENCH_TOOLS, BENCH_REDIS_URL and BENCH_HTTP_URL say what it serves, BENCH_THREADS=1 that it runs Go on one
// processor; benchmarks/README.md has the terms. As the SDK offers it for production: one server for all requests,
// 2026-07-28 without sessions, the older revisions with them, answers in JSON. Its JSON answers have no place for
// progress, so what is to be streamed (the call names `count`) goes to a handler of the same server that streams.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/redis/go-redis/v9"
)

const flag = "bench://flag"

type integers struct {
	A int `json:"a"`
	B int `json:"b"`
}

type textIn struct {
	Text string `json:"text"`
}

type keyIn struct {
	Key string `json:"key"`
}

type integer struct {
	Result int `json:"result"`
}

type naming struct {
	Name  string `json:"name"`
	Count int    `json:"count"`
}

type nothing struct{}

func main() {
	if os.Getenv("BENCH_THREADS") == "1" {
		runtime.GOMAXPROCS(1)
	}
	server := measured()
	if os.Args[1] == "stdio" {
		if err := server.Run(context.Background(), &mcp.StdioTransport{}); err != nil {
			log.Print(err)
		}
		return
	}
	same := func(*http.Request) *mcp.Server { return server }
	handler := func(stateless, json bool) http.Handler {
		return mcp.NewStreamableHTTPHandler(same, &mcp.StreamableHTTPOptions{
			Stateless:                    stateless,
			JSONResponse:                 json,
			PropagateRequestCancellation: true,
		})
	}
	plain, streamed, sessions := handler(true, true), handler(true, false), handler(false, true)
	http.HandleFunc("/mcp", func(writer http.ResponseWriter, request *http.Request) {
		switch {
		case request.Header.Get("Mcp-Protocol-Version") < "2026":
			sessions.ServeHTTP(writer, request)
		case request.Header.Get("Mcp-Name") == "count":
			streamed.ServeHTTP(writer, request)
		default:
			plain.ServeHTTP(writer, request)
		}
	})
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Args[2], nil))
}

func measured() *mcp.Server {
	server := mcp.NewServer(&mcp.Implementation{Name: "bench", Version: "1"}, &mcp.ServerOptions{
		PageSize:           2000, // all tools on one page
		SubscribeHandler:   func(context.Context, *mcp.SubscribeRequest) error { return nil },
		UnsubscribeHandler: func(context.Context, *mcp.UnsubscribeRequest) error { return nil },
	})
	mcp.AddTool(server, &mcp.Tool{Name: "add", Description: "Add two numbers."}, add)
	total, _ := strconv.Atoi(os.Getenv("BENCH_TOOLS"))
	for number := 1; number < total; number++ {
		name, about := fmt.Sprintf("tool_%d", number), "Count the letters of a name, several times over."
		mcp.AddTool(server, &mcp.Tool{Name: name, Description: about}, letters)
	}
	if os.Getenv("BENCH_SET") != "all" {
		return server
	}
	mcp.AddTool(server, &mcp.Tool{Name: "add_sync"}, add)
	mcp.AddTool(server, &mcp.Tool{Name: "count"}, count)
	large := strings.Repeat("x", 1<<20)
	mcp.AddTool(server, &mcp.Tool{Name: "big"},
		func(context.Context, *mcp.CallToolRequest, nothing) (*mcp.CallToolResult, any, error) {
			return say(large), nil, nil
		})
	mcp.AddTool(server, &mcp.Tool{Name: "measure"},
		func(_ context.Context, _ *mcp.CallToolRequest, given textIn) (*mcp.CallToolResult, integer, error) {
			return say(strconv.Itoa(len(given.Text))), integer{len(given.Text)}, nil
		})
	mcp.AddTool(server, &mcp.Tool{Name: "io"}, services())
	mcp.AddTool(server, &mcp.Tool{Name: "change"},
		func(ctx context.Context, _ *mcp.CallToolRequest, _ nothing) (*mcp.CallToolResult, any, error) {
			err := server.ResourceUpdated(ctx, &mcp.ResourceUpdatedNotificationParams{URI: flag})
			return say("changed"), nil, err
		})
	server.AddResource(&mcp.Resource{URI: flag, Name: "flag"},
		func(context.Context, *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
			return &mcp.ReadResourceResult{Contents: []*mcp.ResourceContents{{URI: flag, Text: "blue"}}}, nil
		})
	return server
}

func say(text string) *mcp.CallToolResult {
	return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: text}}}
}

func add(_ context.Context, _ *mcp.CallToolRequest, given integers) (*mcp.CallToolResult, integer, error) {
	sum := given.A + given.B
	return say(strconv.Itoa(sum)), integer{sum}, nil
}

func letters(_ context.Context, _ *mcp.CallToolRequest, given naming) (*mcp.CallToolResult, integer, error) {
	product := len(given.Name) * given.Count
	return say(strconv.Itoa(product)), integer{product}, nil
}

func count(ctx context.Context, request *mcp.CallToolRequest, _ nothing) (*mcp.CallToolResult, any, error) {
	if token := request.Params.GetProgressToken(); token != nil {
		for step := 1; step <= 10; step++ {
			progress := &mcp.ProgressNotificationParams{ProgressToken: token, Progress: float64(step), Total: 10}
			if err := request.Session.NotifyProgress(ctx, progress); err != nil {
				return nil, nil, err
			}
		}
	}
	return say("done"), nil, nil
}

// services makes the tool that asks Redis, then an HTTP service, over connections that are kept.
func services() mcp.ToolHandlerFor[keyIn, any] {
	var store *redis.Client
	if address := os.Getenv("BENCH_REDIS_URL"); address != "" {
		options, err := redis.ParseURL(address)
		if err != nil {
			log.Fatal(err)
		}
		options.PoolSize = 64
		store = redis.NewClient(options)
	}
	page := os.Getenv("BENCH_HTTP_URL")
	client := &http.Client{
		Transport: &http.Transport{MaxIdleConns: 64, MaxIdleConnsPerHost: 64},
		Timeout:   10 * time.Second,
	}
	return func(ctx context.Context, _ *mcp.CallToolRequest, given keyIn) (*mcp.CallToolResult, any, error) {
		kept, err := store.Get(ctx, given.Key).Result()
		if err != nil && err != redis.Nil {
			return nil, nil, err
		}
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, page, nil)
		if err != nil {
			return nil, nil, err
		}
		response, err := client.Do(request)
		if err != nil {
			return nil, nil, err
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			return nil, nil, err
		}
		return say(kept + " " + string(body)), nil, nil
	}
}
