"""The Inspector's command line: `client.py PLAN http URL` or `client.py PLAN stdio COMMAND...`.

PLAN is JSON: {"calls": {label: [tool, arguments]}, "watched": the same, "reads": {label: uri}, "prompts": {label:
[prompt, arguments]}, "mode": "legacy", "node": [program, script]}. Each look is one run of the Inspector, which
shows neither progress nor forms; what all of them saw is printed as one JSON document.
"""

import json
import subprocess
import sys

class Inspector:
    def __init__(self, plan, wire, target):
        self.command = [*plan["node"], "--cli", "--format", "json", "--protocol-era", plan["mode"]]
        self.target = ["--server-url", target[0], "--transport", "http"] if wire == "http" else ["--", *target]
        if wire == "http":
            self.command.append("--stored-auth-only")

    def run(self, method, *options):
        done = subprocess.run(
            [*self.command, "--method", method, *options, *self.target], capture_output=True, text=True, check=False
        )
        if done.stdout:
            # A tool's own error is printed as a result, although the status is not 0 then.
            return json.loads(done.stdout)["result"]
        envelopes = [line for line in done.stderr.splitlines() if line.startswith('{"error"')]
        if not envelopes:
            sys.exit(f"{method} ended with {done.returncode}: {done.stderr}")
        return json.loads(envelopes[-1])

    def call(self, tool, arguments):
        return self.run("tools/call", "--tool-name", tool, "--tool-args-json", json.dumps(arguments))

    def fill(self, prompt, arguments):
        pairs = [f"{name}={value}" for name, value in arguments.items()]
        return self.run("prompts/get", "--prompt-name", prompt, *(["--prompt-args", *pairs] if pairs else []))


def look(plan, wire, target):
    inspector = Inspector(plan, wire, target)
    hello = inspector.run("initialize")
    return {
        "revision": hello["protocolVersion"],
        "server": hello["serverInfo"],
        "instructions": hello.get("instructions"),
        "tools": [one["name"] for one in inspector.run("tools/list", "--strict")["tools"]],
        "resources": [one["uri"] for one in inspector.run("resources/list")["resources"]],
        "templates": [one["uriTemplate"] for one in inspector.run("resources/templates/list")["resourceTemplates"]],
        "prompts": [one["name"] for one in inspector.run("prompts/list")["prompts"]],
        "calls": {label: inspector.call(*call) for label, call in plan["calls"].items()},
        "watched": {label: {"result": inspector.call(*call)} for label, call in plan["watched"].items()},
        "reads": {label: inspector.run("resources/read", "--uri", uri) for label, uri in plan["reads"].items()},
        "got": {label: inspector.fill(*prompt) for label, prompt in plan["prompts"].items()},
    }


print(json.dumps(look(json.loads(sys.argv[1]), sys.argv[2], sys.argv[3:])))
