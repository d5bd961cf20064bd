//! The measured server on rmcp, the official Rust SDK: `server http PORT` or `server stdio 0`.
//!
//! BENCH_SET, BENCH_TOOLS, BENCH_REDIS_URL and BENCH_HTTP_URL say what it serves, BENCH_THREADS=1 that it runs on one
//! thread; benchmarks/README.md has the terms. A release build as the SDK's guide has it for production: axum, the
//! tools' router made once and shared, JSON answers until something streams; older revisions with sessions.

use std::env;
use std::error::Error;
use std::sync::Arc;

use axum::Router;
use axum::serve::ListenerExt;
use redis::aio::ConnectionManager;
use rmcp::handler::server::router::tool::{ToolRoute, ToolRouter};
use rmcp::handler::server::tool::schema_for_output;
use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::{
    CallToolResult, ContentBlock, ErrorData, Implementation, ProgressNotificationParam, ServerCapabilities, ServerConfig,
    SubscriptionFilter,
};
use rmcp::schemars::{self, JsonSchema};
use rmcp::service::{RequestContext, RoleServer, ServiceExt, SubscriptionContext};
use rmcp::transport::stdio;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ServerHandler, tool, tool_handler, tool_router};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::sync::broadcast::{self, error::RecvError};

type Failure = Box<dyn Error + Send + Sync>;

const FLAG: &str = "bench://flag";
const BIG: usize = 1 << 20;

#[derive(Deserialize, JsonSchema)]
struct Integers {
    a: i64,
    b: i64,
}

#[derive(Deserialize, JsonSchema)]
struct TextIn {
    text: String,
}

#[derive(Deserialize, JsonSchema)]
struct KeyIn {
    key: String,
}

#[derive(Serialize, JsonSchema)]
struct Integer {
    result: i64,
}

#[derive(Deserialize, JsonSchema)]
struct Naming {
    name: String,
    count: i64,
}

/// The two services that `io` asks; both keep their connections.
struct Services {
    redis: ConnectionManager,
    client: reqwest::Client,
    page: String,
}

#[derive(Clone)]
struct Bench {
    full: bool,
    router: Arc<ToolRouter<Self>>,
    services: Option<Arc<Services>>,
    changes: broadcast::Sender<()>,
}

fn text(said: impl Into<String>) -> CallToolResult {
    CallToolResult::success(vec![ContentBlock::text(said)])
}

fn number(result: i64) -> CallToolResult {
    let mut answer = text(result.to_string());
    answer.structured_content = Some(json!({"result": result}));
    answer
}

fn failed(error: impl Error) -> ErrorData {
    ErrorData::internal_error(error.to_string(), None)
}

#[tool_router(router = smallest)]
impl Bench {
    /// Add two numbers.
    #[tool(output_schema = schema_for_output::<Integer>())]
    async fn add(&self, Parameters(Integers { a, b }): Parameters<Integers>) -> CallToolResult {
        number(a + b)
    }
}

#[tool_router(router = numbered)]
impl Bench {
    /// Count the letters of a name, several times over.
    #[tool(output_schema = schema_for_output::<Integer>())]
    async fn letters(&self, Parameters(Naming { name, count }): Parameters<Naming>) -> CallToolResult {
        number(name.chars().count() as i64 * count)
    }
}

#[tool_router(router = further)]
impl Bench {
    #[tool(output_schema = schema_for_output::<Integer>())]
    fn add_sync(&self, Parameters(Integers { a, b }): Parameters<Integers>) -> CallToolResult {
        number(a + b)
    }

    #[tool]
    async fn count(&self, context: RequestContext<RoleServer>) -> Result<CallToolResult, ErrorData> {
        if let Some(token) = context.meta.get_progress_token() {
            for step in 1..=10 {
                let progress = ProgressNotificationParam::new(token.clone(), f64::from(step)).with_total(10.0);
                context.peer.notify_progress(progress).await.map_err(failed)?;
            }
        }
        Ok(text("done"))
    }

    #[tool]
    async fn big(&self) -> CallToolResult {
        text("x".repeat(BIG))
    }

    #[tool(output_schema = schema_for_output::<Integer>())]
    async fn measure(&self, Parameters(TextIn { text }): Parameters<TextIn>) -> CallToolResult {
        number(text.chars().count() as i64)
    }

    #[tool]
    async fn io(&self, Parameters(KeyIn { key }): Parameters<KeyIn>) -> Result<CallToolResult, ErrorData> {
        let services = self.services.as_ref().ok_or_else(|| ErrorData::internal_error("no services are named", None))?;
        let mut redis = services.redis.clone();
        let kept: Option<String> = redis::cmd("GET").arg(&key).query_async(&mut redis).await.map_err(failed)?;
        let page = services.client.get(&services.page).send().await.map_err(failed)?.text().await.map_err(failed)?;
        Ok(text(kept.unwrap_or_default() + " " + &page))
    }

    #[tool]
    async fn change(&self) -> CallToolResult {
        // Nobody listens: that is no failure.
        let _ = self.changes.send(());
        text("changed")
    }
}

#[tool_handler(router = self.router)]
impl ServerHandler for Bench {
    fn get_info(&self) -> ServerConfig {
        let capabilities = if self.full {
            ServerCapabilities::builder().enable_tools().enable_resources().enable_resources_subscribe().build()
        } else {
            ServerCapabilities::builder().enable_tools().build()
        };
        ServerConfig::new(capabilities).with_server_info(Implementation::new("bench", "1"))
    }

    fn accepted_subscription_filter(&self, requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        self.full.then(|| requested.clone())
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        let mut changes = self.changes.subscribe();
        loop {
            tokio::select! {
                () = context.cancelled() => return Ok(()),
                change = changes.recv() => match change {
                    Ok(()) | Err(RecvError::Lagged(_)) => {
                        context.sink().notify_resource_updated(FLAG).await.map_err(failed)?;
                    }
                    Err(RecvError::Closed) => return Ok(()),
                },
            }
        }
    }
}

async fn measured() -> Result<Bench, Failure> {
    let full = env::var("BENCH_SET").is_ok_and(|set| set == "all");
    let total: usize = env::var("BENCH_TOOLS").map_or(Ok(1), |tools| tools.parse())?;
    let mut router = Bench::smallest();
    let letters = Bench::numbered().map["letters"].clone();
    for other in 1..total {
        let mut one: ToolRoute<Bench> = letters.clone();
        one.attr.name = format!("tool_{other}").into();
        router.add_route(one);
    }
    let mut services = None;
    if full {
        router.merge(Bench::further());
        if let Ok(url) = env::var("BENCH_REDIS_URL") {
            let redis = ConnectionManager::new(redis::Client::open(url)?).await?;
            let client = reqwest::Client::builder().no_proxy().build()?;
            services = Some(Arc::new(Services { redis, client, page: env::var("BENCH_HTTP_URL")? }));
        }
    }
    let (changes, _) = broadcast::channel(16);
    Ok(Bench { full, router: Arc::new(router), services, changes })
}

async fn serve(mode: &str, port: u16) -> Result<(), Failure> {
    let bench = measured().await?;
    if mode == "stdio" {
        bench.serve(stdio()).await?.waiting().await?;
        return Ok(());
    }
    let config = StreamableHttpServerConfig::default().with_json_response(true);
    let service = StreamableHttpService::new(move || Ok(bench.clone()), Arc::new(LocalSessionManager::default()), config);
    let router = Router::new().route_service("/mcp", service);
    let listener = TcpListener::bind(("127.0.0.1", port)).await?.tap_io(|stream| {
        // A connection that is gone already shows when it is read.
        let _ = stream.set_nodelay(true);
    });
    Ok(axum::serve(listener, router).await?)
}

fn main() -> Result<(), Failure> {
    let words: Vec<String> = env::args().collect();
    let one = env::var("BENCH_THREADS").is_ok_and(|threads| threads == "1");
    let mut runtime = if one { Builder::new_current_thread() } else { Builder::new_multi_thread() };
    runtime.enable_all().build()?.block_on(serve(&words[1], words[2].parse()?))
}
