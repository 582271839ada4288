//! Routes that are in the document because they are in the router.

use std::convert::Infallible;

use axum::{
    Router,
    extract::Request,
    handler::Handler,
    http::StatusCode,
    response::IntoResponse,
    routing::{self, MethodRouter, Route},
};
use serde_json::json;
use tower::{Layer, Service};

use super::{
    operation::{Documented, Operation},
    parameters::QueryParameter,
};
use crate::rest::Api;

/// Which path leads where, and what stands in the document about it.
#[derive(Default)]
pub(crate) struct Routes {
    router: Router<Api>,
    operations: Vec<Operation>,
}

impl Routes {
    /// No routes.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds a path with its methods.
    pub(crate) fn route(mut self, path: &str, methods: Methods) -> Self {
        let operations =
            methods.operations.into_iter().map(|operation| Operation { path: path.to_owned(), ..operation });
        self.operations.extend(operations);
        Self { router: self.router.route(path, methods.router), operations: self.operations }
    }

    /// Adds all of `other`.
    pub(crate) fn merge(mut self, other: Self) -> Self {
        self.operations.extend(other.operations);
        Self { router: self.router.merge(other.router), operations: self.operations }
    }

    /// Adds all of `other` below `prefix`.
    pub(crate) fn nest(mut self, prefix: &str, other: Self) -> Self {
        let below = |path: &str| format!("{prefix}{}", if path == "/" { "" } else { path });
        let operations = other
            .operations
            .into_iter()
            .map(|operation| Operation { path: below(&operation.path), ..operation });
        self.operations.extend(operations);
        Self { router: self.router.nest(prefix, other.router), operations: self.operations }
    }

    /// Puts a layer around all routes so far, but not around what leads nowhere.
    pub(crate) fn route_layer<L>(self, layer: L) -> Self
    where
        L: Layer<Route> + Clone + Send + Sync + 'static,
        L::Service: Service<Request, Error = Infallible> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request>>::Response: IntoResponse + 'static,
        <L::Service as Service<Request>>::Error: Into<Infallible> + 'static,
        <L::Service as Service<Request>>::Future: Send + 'static,
    {
        Self { router: self.router.route_layer(layer), operations: self.operations }
    }

    /// The router alone.
    pub(crate) fn into_router(self) -> Router<Api> {
        self.router
    }

    /// The operations alone.
    pub(crate) fn into_operations(self) -> Vec<Operation> {
        self.operations
    }
}

/// What the methods of one path lead to. What is said of an operation follows its handler: `get(handler).about("…")`.
pub(crate) struct Methods {
    router: MethodRouter<Api>,
    operations: Vec<Operation>,
}

macro_rules! methods {
    ($($name:ident),*) => {
        $(
            /// A path with this method.
            #[allow(dead_code, reason = "HTTP's methods, whether there are routes with all of them or not")]
            pub(crate) fn $name<H, T, D>(handler: H) -> Methods
            where
                H: Handler<T, Api> + Documented<D>,
                T: 'static,
            {
                Methods { router: MethodRouter::new(), operations: Vec::new() }.$name(handler)
            }
        )*

        impl Methods {
            $(
                /// Adds this method.
                #[allow(dead_code, reason = "as above")]
                pub(crate) fn $name<H, T, D>(mut self, handler: H) -> Self
                where
                    H: Handler<T, Api> + Documented<D>,
                    T: 'static,
                {
                    self.operations.push(Operation {
                        method: stringify!($name),
                        path: String::new(),
                        summary: "",
                        query: &[],
                        failures: Vec::new(),
                        upload: None,
                        describe: <H as Documented<D>>::describe,
                    });
                    Self { router: self.router.merge(routing::$name(handler)), operations: self.operations }
                }
            )*
        }
    };
}

methods!(get, post, put, patch, delete);

impl Methods {
    fn last(mut self, change: impl FnOnce(&mut Operation)) -> Self {
        if let Some(operation) = self.operations.last_mut() {
            change(operation);
        }
        self
    }

    /// What the last operation does, in one line.
    pub(crate) fn about(self, summary: &'static str) -> Self {
        self.last(|operation| operation.summary = summary)
    }

    /// What the last operation takes from the query.
    pub(crate) fn query(self, parameters: &'static [QueryParameter]) -> Self {
        self.last(|operation| operation.query = parameters)
    }

    /// A status below 400 or above 499 by which the last operation refuses something, as the contract has it.
    pub(crate) fn fails(self, status: StatusCode, when: &'static str) -> Self {
        self.last(|operation| operation.failures.push((status, when)))
    }

    /// The last operation takes a form with one file.
    pub(crate) fn takes_file(self) -> Self {
        let form = json!({
            "required": true,
            "content": { "multipart/form-data": { "schema": {
                "type": "object",
                "properties": { "jarfile": { "type": "string", "contentMediaType": "application/octet-stream" } },
                "required": ["jarfile"],
            } } },
        });
        self.last(|operation| operation.upload = Some(form))
    }

    /// Answers all other methods by `handler`.
    pub(crate) fn fallback<H, T>(self, handler: H) -> Self
    where
        H: Handler<T, Api>,
        T: 'static,
    {
        Self { router: self.router.fallback(handler), operations: self.operations }
    }
}
