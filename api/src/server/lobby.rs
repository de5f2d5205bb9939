//! The lobby: what every request passes before and after the routes: CORS and the access log.
//!
//! The log has the path without its query, since queries of this API carry secrets.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;

use http::Request;
use hyper::body::Incoming;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use tokio::time::Instant;
use warp::reply::Response;

use crate::Api;
use crate::routes::{self, Route};
use crate::server::cors::Cors;
use crate::server::peer::Peers;

/// What stands between a connection and the routes.
#[derive(Clone)]
pub(super) struct Lobby {
    routes: Route,
    cors: std::sync::Arc<Cors>,
    peers: std::sync::Arc<Peers>,
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
}

impl Lobby {
    /// Builds the routes.
    pub(super) fn new(api: &Api) -> Self {
        let config = &api.shared.config;
        Self {
            routes: routes::all(api),
            cors: Cors::new(&config.cors.origins).into(),
            peers: Peers::new(config.http.trusted_proxies.clone()).into(),
        }
    }

    /// Makes the service of one connection.
    pub(super) fn service(&self, peer: SocketAddr) -> Service {
        Service { lobby: self.clone(), peer }
    }
}

impl hyper::service::Service<Request<Incoming>> for Service {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let Self { lobby, peer } = self.clone();
        Box::pin(async move { Ok(lobby.answer(request, peer).await) })
    }
}

impl Lobby {
    async fn answer(self, request: Request<Incoming>, peer: SocketAddr) -> Response {
        let begun = Instant::now();
        let client = self.peers.client(peer.ip(), request.headers());
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let origin = self.cors.allow(request.headers());
        let preflight = self.cors.preflight(&request, origin.as_ref());
        let mut response = match preflight {
            Some(response) => response,
            None => self.route(request).await,
        };
        if let Some(origin) = origin {
            origin.mark(response.headers_mut());
        }
        let millis = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let status = response.status().as_u16();
        tracing::info!(
            target: "scribed::access", %method, path, status, millis, %client, "request"
        );
        response
    }

    async fn route(&self, request: Request<Incoming>) -> Response {
        let service = TowerToHyperService::new(warp::service(self.routes.clone()));
        match service.call(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}
