//! The official Rust client: `client PLAN http URL` or `client PLAN stdio COMMAND...`.
//!
//! PLAN is JSON: {"mode": "auto" to discover before it initializes, "" for what the SDK does unasked}. What the client
//! saw of the pier is printed as one JSON document; whatever fails ends it with status 1 and a line on stderr.

use std::error::Error;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rmcp::ClientHandler;
use rmcp::model::{
    CallToolRequestParams, ClientCapabilities, ClientConfig, ElicitRequestParams, ElicitResult, ElicitationAction,
    ElicitationCapability, ErrorData, Implementation, ProgressNotificationParam, ProtocolVersion,
    ReadResourceRequestParams, ResourceContents, ResourceUpdatedNotificationParam, ServerNotification,
    SubscribeRequestParams, SubscriptionFilter, UnsubscribeRequestParams,
};
use rmcp::service::{
    ClientLifecycleMode, ClientServiceExt, NotificationContext, RequestContext, RoleClient, RunningService,
};
use rmcp::transport::{StreamableHttpClientTransport, TokioChildProcess};
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;

type Failure = Box<dyn Error + Send + Sync>;
type Session = RunningService<RoleClient, Ears>;

const FLAG: &str = "harbour://flag";
const PATIENCE: Duration = Duration::from_secs(30);

/// What hears the server; it passes everything on.
struct Ears {
    progress: UnboundedSender<Value>,
    changes: UnboundedSender<String>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl ClientHandler for Ears {
    fn get_info(&self) -> ClientConfig {
        let mut capabilities = ClientCapabilities::default();
        capabilities.elicitation = Some(ElicitationCapability::new());
        ClientConfig::new(capabilities, Implementation::new("rust-peer", "1"))
    }

    async fn create_elicitation(
        &self,
        request: ElicitRequestParams,
        _context: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        let ElicitRequestParams::FormElicitationParams { message, .. } = request else {
            return Ok(ElicitResult::new(ElicitationAction::Decline));
        };
        self.asked.lock().expect("no thread panicked").push(message);
        Ok(ElicitResult::new(ElicitationAction::Accept).with_content(json!({"length": 30, "pilot": false})))
    }

    async fn on_progress(&self, step: ProgressNotificationParam, _context: NotificationContext<RoleClient>) {
        // Nobody listens any more once the client has seen everything.
        let _ = self.progress.send(json!([step.progress, step.total, step.message]));
    }

    async fn on_resource_updated(
        &self,
        updated: ResourceUpdatedNotificationParam,
        _context: NotificationContext<RoleClient>,
    ) {
        let _ = self.changes.send(format!("resource {}", updated.uri));
    }

    async fn on_tool_list_changed(&self, _context: NotificationContext<RoleClient>) {
        let _ = self.changes.send("tools".to_owned());
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let words: Vec<String> = std::env::args().collect();
    let plan: Value = serde_json::from_str(&words[1])?;
    println!("{}", timeout(2 * PATIENCE, look(&plan, &words[2], &words[3..])).await??);
    Ok(())
}

async fn look(plan: &Value, wire: &str, target: &[String]) -> Result<Value, Failure> {
    let (progress, mut steps) = unbounded_channel();
    let (changes, changed) = unbounded_channel();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let ears = Ears { progress, changes, asked: asked.clone() };
    let lifecycle = match plan["mode"].as_str() {
        Some("auto") => {
            ClientLifecycleMode::Auto { preferred_versions: vec![ProtocolVersion::LATEST], legacy_version: None }
        }
        _ => ClientLifecycleMode::Initialize,
    };
    let session = if wire == "http" {
        let place = StreamableHttpClientTransport::from_uri(target[0].as_str());
        ears.serve_with_lifecycle(place, lifecycle).await?
    } else {
        let mut command = tokio::process::Command::new(&target[0]);
        command.args(&target[1..]);
        ears.serve_with_lifecycle(TokioChildProcess::new(command)?, lifecycle).await?
    };
    let server = session.peer_info().ok_or("the server did not say who it is")?;
    let tools: Vec<_> = session.list_all_tools().await?.into_iter().map(|tool| tool.name).collect();
    let resources: Vec<_> = session.list_all_resources().await?.into_iter().map(|one| one.uri.clone()).collect();
    let sum = call(&session, "add", json!({"a": 1, "b": 2})).await?;
    let counted = call(&session, "count", json!({"to": 3})).await?;
    let mut heard = Vec::new();
    while heard.len() < 3 {
        heard.push(timeout(PATIENCE, steps.recv()).await?);
    }
    let berth = call(&session, "berth", json!({})).await?;
    let flag = read(&session).await?;
    let changes = if server.protocol_version >= ProtocolVersion::V_2026_07_28 {
        listen(&session).await?
    } else {
        subscribe(&session, changed).await?
    };
    let given_up = give_up(&session).await?;
    let document = json!({
        "revision": server.protocol_version,
        "server": server.server_info.as_ref().map(|info| &info.name),
        "tools": tools,
        "resources": resources,
        "sum": sum,
        "counted": counted,
        "progress": heard,
        "asked": *asked.lock().expect("no thread panicked"),
        "berth": berth,
        "flag": flag,
        "changes": changes,
        "givenUp": given_up,
        "waited": call(&session, "waited", json!({})).await?,
    });
    session.cancel().await?;
    Ok(document)
}

async fn call(session: &Session, tool: &'static str, arguments: Value) -> Result<String, Failure> {
    let arguments = arguments.as_object().cloned().unwrap_or_default();
    let result = session.call_tool(CallToolRequestParams::new(tool).with_arguments(arguments)).await?;
    match result.content.first().and_then(|block| block.as_text()) {
        Some(text) if result.is_error != Some(true) => Ok(text.text.clone()),
        _ => Err(format!("call {tool}: {result:?}").into()),
    }
}

async fn read(session: &Session) -> Result<Vec<String>, Failure> {
    let contents = session.read_resource(ReadResourceRequestParams::new(FLAG)).await?.contents;
    let texts = contents.into_iter().filter_map(|part| match part {
        ResourceContents::TextResourceContents { text, .. } => Some(text),
        _ => None,
    });
    Ok(texts.collect())
}

/// Changes as the current revision tells them.
async fn listen(session: &Session) -> Result<Vec<String>, Failure> {
    let wanted = SubscriptionFilter::builder().tools_list_changed().resource_subscriptions([FLAG]).build();
    let mut subscription = session.listen(wanted).await?;
    call(session, "raise_flag", json!({})).await?;
    let mut heard = Vec::new();
    while heard.len() < 2 {
        match timeout(PATIENCE, subscription.next()).await?? {
            Some(ServerNotification::ToolListChangedNotification(_)) => heard.push("tools".to_owned()),
            Some(ServerNotification::ResourceUpdatedNotification(updated)) => {
                heard.push(format!("resource {}", updated.params.uri));
            }
            other => return Err(format!("the subscription brought {other:?}").into()),
        }
    }
    subscription.cancel().await?;
    heard.sort();
    Ok(heard)
}

/// Changes as the older revisions tell them.
#[expect(deprecated, reason = "the SDK marks what 2026-07-28 no longer has")]
async fn subscribe(session: &Session, mut changed: UnboundedReceiver<String>) -> Result<Vec<String>, Failure> {
    session.subscribe(SubscribeRequestParams::new(FLAG)).await?;
    call(session, "raise_flag", json!({})).await?;
    let mut heard = Vec::new();
    while heard.len() < 2 {
        heard.push(timeout(PATIENCE, changed.recv()).await?.ok_or("the session ended")?);
    }
    session.unsubscribe(UnsubscribeRequestParams::new(FLAG)).await?;
    heard.sort();
    Ok(heard)
}

/// Leaves a call once it has begun: the SDK cancels what nobody awaits any more.
async fn give_up(session: &Session) -> Result<bool, Failure> {
    tokio::select! {
        ended = call(session, "wait", json!({})) => Err(format!("the call that waits ended with {ended:?}").into()),
        begun = call(session, "begun", json!({})) => Ok(begun? == "begun"),
    }
}
