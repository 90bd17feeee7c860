// Lists and calls with the official Go SDK: adapter-client sse|http URL TOKEN. Prints the same JSON as the clients in Python.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
	"sort"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

type withToken struct{ token string }

func (t withToken) RoundTrip(request *http.Request) (*http.Response, error) {
	request = request.Clone(request.Context())
	request.Header.Set("Authorization", "Bearer "+t.token)
	return http.DefaultTransport.RoundTrip(request)
}

func main() {
	kind, url, token := os.Args[1], os.Args[2], os.Args[3]
	client := &http.Client{Transport: withToken{token}}
	var transport mcp.Transport = &mcp.StreamableClientTransport{Endpoint: url + "/mcp", HTTPClient: client}
	if kind == "sse" {
		transport = &mcp.SSEClientTransport{Endpoint: url + "/sse", HTTPClient: client}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	session, err := mcp.NewClient(&mcp.Implementation{Name: "go", Version: "1"}, nil).Connect(ctx, transport, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer session.Close()
	listed, err := session.ListTools(ctx, nil)
	if err != nil {
		log.Fatal(err)
	}
	names := []string{}
	for _, tool := range listed.Tools {
		names = append(names, tool.Name)
	}
	sort.Strings(names)
	right := 0
	for at := range 20 {
		message := fmt.Sprintf("%s %d ✓", kind, at)
		result, err := session.CallTool(ctx, &mcp.CallToolParams{Name: "echo", Arguments: map[string]any{"message": message}})
		if err != nil {
			log.Fatal(err)
		}
		if text, ok := result.Content[0].(*mcp.TextContent); ok && text.Text == "Echo: "+message {
			right++
		}
	}
	// What is not approved: an error, in whichever way this SDK has it.
	withheld := "answered"
	if result, err := session.CallTool(ctx, &mcp.CallToolParams{Name: "get-env"}); err != nil || result.IsError {
		withheld = "refused"
	}
	said, err := json.Marshal(map[string]any{"tools": names, "right": right, "withheld": withheld})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(said))
}
