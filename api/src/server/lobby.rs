//! The lobby: what every request passes before and after the routes: doubts about where it ends,
//! CORS, what is left of its body, long answers, and the access log.
//!
//! The log has the path without its query, since queries of this API carry secrets.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;

use http::header::{CONNECTION, EXPECT, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, Request, StatusCode, Version};
use hyper::body::Incoming;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use scribed_schemas::metric;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;
use warp::reply::Response;

use crate::Api;
use crate::answer::Refusal;
use crate::rate::Client;
use crate::routes::{self, Route};
use crate::server::cors::Cors;
use crate::server::heads::Doubt;
use crate::server::peer::Peers;
use crate::server::rest::{Lent, Linger, Rest, lend};
use crate::server::spool::Spool;
use crate::server::trace;
use crate::surface;

/// What stands between a connection and the routes.
#[derive(Clone)]
pub(super) struct Lobby {
    api: Api,
    routes: Route,
    cors: std::sync::Arc<Cors>,
    peers: std::sync::Arc<Peers>,
    linger: Linger,
    spool: std::sync::Arc<Spool>,
    tasks: TaskTracker,
}

impl std::fmt::Debug for Lobby {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lobby").field("cors", &self.cors).finish_non_exhaustive()
    }
}

/// What hyper calls for each request of a connection.
#[derive(Debug, Clone)]
pub(super) struct Service {
    lobby: Lobby,
    peer: SocketAddr,
    doubt: Doubt,
}

impl Lobby {
    /// Builds the routes; `tasks` outlive requests, but not the server.
    pub(super) fn new(api: &Api, tasks: TaskTracker) -> Self {
        let config = &api.shared.config;
        Self {
            api: api.clone(),
            routes: routes::all(api),
            cors: Cors::new(&config.cors.origins).into(),
            peers: Peers::new(config.http.trusted_proxies.clone()).into(),
            linger: Linger::new(&config.http),
            spool: Spool::new(&config.http).into(),
            tasks,
        }
    }

    /// Makes the service of one connection.
    pub(super) fn service(&self, peer: SocketAddr, doubt: Doubt) -> Service {
        Service { lobby: self.clone(), peer, doubt }
    }
}

impl hyper::service::Service<Request<Incoming>> for Service {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let Self { lobby, peer, doubt } = self.clone();
        Box::pin(async move {
            let span = trace::begin(&request);
            let response = lobby.answer(request, peer, &doubt).instrument(span.clone()).await;
            trace::answered(&span, response.status());
            Ok(response)
        })
    }
}

impl Lobby {
    async fn answer(self, request: Request<Incoming>, peer: SocketAddr, doubt: &Doubt) -> Response {
        let begun = Instant::now();
        let client = self.peers.client(peer.ip(), request.headers());
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let origin = self.cors.allow(request.headers());
        let manners = Manners::of(&request);
        let (mut head, body) = request.into_parts();
        head.extensions.insert(Client(client));
        let (body, mut returned) = lend(body);
        let request = Request::from_parts(head, body);
        let refusal = refuse(&request, doubt).or_else(|| self.too_often(Client(client)));
        let refusal = refusal.map(|refusal| surface::refuse(&path, refusal));
        let early = refusal.or_else(|| self.cors.preflight(&request, origin.as_ref()));
        let mut response = match early {
            Some(response) => {
                drop(request);
                response
            }
            None => self.spool.hold(self.route(request).await).await,
        };
        // The handler has ended, so what it left of the body is there.
        let rest = returned.try_recv().ok();
        if self.leave(rest, manners, response.status()) == After::Close {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        if let Some(origin) = origin {
            origin.mark(response.headers_mut());
        }
        measure(begun, response.status());
        let millis = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let status = response.status().as_u16();
        tracing::info!(
            target: "scribed::access", %method, path, status, millis, %client, "request"
        );
        response
    }

    /// Counts a request, and returns why it is one too many.
    fn too_often(&self, client: Client) -> Option<Refusal> {
        self.api.shared.rates.requests.count_address(client).err()
    }

    async fn route(&self, request: Request<Lent>) -> Response {
        let service = TowerToHyperService::new(warp::service(self.routes.clone()));
        match service.call(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }

    /// Sees to what is left of a body, and says what becomes of the connection.
    fn leave(&self, rest: Option<Rest>, manners: Manners, status: StatusCode) -> After {
        let Some(rest) = rest else { return manners.after(manners.chunked) };
        // Who sends too slowly is not waited for any longer, and who waits for leave sends nothing.
        let is_mute = manners.asks_leave && !rest.is_begun();
        if !manners.shares && (is_mute || status == StatusCode::REQUEST_TIMEOUT) {
            return manners.after(true);
        }
        let Some(rest) = rest.settle() else { return manners.after(manners.chunked) };
        let close = manners.chunked || rest.is_long();
        self.tasks.spawn(rest.read_away(self.linger));
        manners.after(close)
    }
}

/// What becomes of a connection after an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    GoOn,
    Close,
}

/// How a client sends its body.
#[derive(Debug, Clone, Copy)]
struct Manners {
    /// Its connection carries other requests at the same time: HTTP/2.
    shares: bool,
    /// Its length is not stated. No request is read after it: where one would begin is known only
    /// to hyper, and `heads.rs` has to look at each.
    chunked: bool,
    /// It waits for a `100 Continue`.
    asks_leave: bool,
}

impl Manners {
    fn of<B>(request: &Request<B>) -> Self {
        let headers: &HeaderMap = request.headers();
        Self {
            shares: request.version() == Version::HTTP_2,
            chunked: headers.contains_key(TRANSFER_ENCODING),
            asks_leave: headers.contains_key(EXPECT),
        }
    }

    fn after(self, close: bool) -> After {
        if close && !self.shares { After::Close } else { After::GoOn }
    }
}

/// Begins to count server errors at 0: a series that begins with its first error has not grown, and no
/// alert would tell of that one.
pub fn count_from_zero() {
    metrics::counter!(metric::HTTP_REQUESTS, "status" => "5xx").increment(0);
}

/// Records an answer.
fn measure(begun: Instant, status: StatusCode) {
    let class = match status.as_u16() {
        ..200 => "1xx",
        200..300 => "2xx",
        300..400 => "3xx",
        400..500 => "4xx",
        500.. => "5xx",
    };
    metrics::counter!(metric::HTTP_REQUESTS, "status" => class).increment(1);
    metrics::histogram!(metric::HTTP_SECONDS).record(begun.elapsed().as_secs_f64());
}

/// Returns why a request does not come to the routes.
fn refuse<B>(request: &Request<B>, doubt: &Doubt) -> Option<Refusal> {
    if doubt.is_raised() {
        return Some(ambiguous());
    }
    // Only CONNECT names no path; it is nobody's route, and warp panics without one.
    request.uri().path_and_query().is_none().then_some(Refusal::NotFound("Not Found"))
}

/// The refusal of a request that states its length twice.
fn ambiguous() -> Refusal {
    let rule = "A request has either Content-Length or Transfer-Encoding, not both.";
    Refusal::Malformed(rule.to_owned())
}
