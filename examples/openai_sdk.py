"""OpenAI's SDK for Python: a model of the gateway, then a model that calls the gateway's tools."""

import os

from openai import OpenAI

client = OpenAI(
    base_url=f"{os.environ['GATEWAY']}/v1",  # http://linuxserver.lan:4000/v1
    api_key=os.environ["LITELLM_KEY"],
)
model = os.environ["MODEL"]

chat = client.chat.completions.create(model=model, messages=[{"role": "user", "content": "Say hello."}])
print("model:", chat.choices[0].message.content)

# The gateway runs the tools that the model asks for, under the rights of this key.
response = client.responses.create(
    model=model,
    input="What time is it in Tokyo?",
    tools=[
        {
            "type": "mcp",
            "server_label": "litellm",
            "server_url": "litellm_proxy",  # or litellm_proxy/mcp/time
            "require_approval": "never",
        }
    ],
)
for item in response.output:
    if item.type == "mcp_call":
        print("tool:", item.name, item.output)
print("model:", response.output_text)
