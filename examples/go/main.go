// The official Go SDK of MCP: lists the gateway's tools and calls one.
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

type withKey struct{}

func (withKey) RoundTrip(request *http.Request) (*http.Response, error) {
	request = request.Clone(request.Context())
	request.Header.Set("Authorization", "Bearer "+os.Getenv("LITELLM_KEY"))
	return http.DefaultTransport.RoundTrip(request)
}

func main() {
	ctx := context.Background()
	transport := &mcp.StreamableClientTransport{
		Endpoint:   os.Getenv("MCP_URL"),
		HTTPClient: &http.Client{Transport: withKey{}},
	}
	session, err := mcp.NewClient(&mcp.Implementation{Name: "example", Version: "1.0.0"}, nil).Connect(ctx, transport, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer session.Close()
	fmt.Print("tools:")
	for tool, err := range session.Tools(ctx, nil) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Print(" ", tool.Name)
	}
	fmt.Println()
	result, err := session.CallTool(ctx, &mcp.CallToolParams{
		Name:      "time-get_current_time",
		Arguments: map[string]any{"timezone": "Asia/Tokyo"},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("time-get_current_time:", result.Content[0].(*mcp.TextContent).Text)
}
