//! The official Rust SDK of MCP: lists the gateway's tools and calls one.
use std::env;

use rmcp::ServiceExt;
use rmcp::model::CallToolRequestParams;
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let config =
        StreamableHttpClientTransportConfig::with_uri(env::var("MCP_URL")?).auth_header(env::var("LITELLM_KEY")?);
    let client = ().serve(StreamableHttpClientTransport::from_config(config)).await?;
    let names: Vec<_> = client
        .list_all_tools()
        .await?
        .into_iter()
        .map(|tool| tool.name)
        .collect();
    println!("tools: {}", names.join(" "));
    let arguments = serde_json::json!({ "timezone": "Asia/Tokyo" });
    let result = client
        .call_tool(
            CallToolRequestParams::new("time-get_current_time").with_arguments(arguments.as_object().unwrap().clone()),
        )
        .await?;
    for part in result.content {
        if let Some(text) = part.as_text() {
            println!("time-get_current_time: {}", text.text);
        }
    }
    client.cancel().await?;
    Ok(())
}
