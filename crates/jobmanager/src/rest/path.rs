//! Paths as clients write them: with or without the prefix `/v1`, with slashes doubled or at the end.

use axum::http::{Request, Uri, uri::PathAndQuery};

/// The path as the client wrote it, for error texts and the dashboard's files.
#[derive(Clone, Debug)]
pub(crate) struct OriginalPath(pub(crate) String);

/// Rewrites the request's path to the form in which routes are declared.
pub(crate) fn normalize<B>(mut request: Request<B>) -> Request<B> {
    let path = request.uri().path().to_owned();
    if let Some(uri) = rewritten(request.uri()) {
        *request.uri_mut() = uri;
    }
    request.extensions_mut().insert(OriginalPath(path));
    request
}

fn rewritten(uri: &Uri) -> Option<Uri> {
    let path = uri.path();
    // A path that was put behind an address that ends with a slash has two of them.
    let parts = path.split('/').filter(|part| !part.is_empty());
    let plain: String = parts.flat_map(|part| ["/", part]).collect();
    let plain = plain.strip_prefix("/v1").filter(|rest| rest.starts_with('/')).unwrap_or(&plain);
    if plain == path || matches!(plain, "" | "/v1") {
        return None;
    }
    let path_and_query = match uri.query() {
        Some(query) => format!("{plain}?{query}"),
        None => plain.to_owned(),
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(path_and_query.parse::<PathAndQuery>().ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefix_and_slashes_go_away() {
        for (given, expected) in [
            ("/overview", "/overview"),
            ("/overview/", "/overview"),
            ("/v1/overview", "/overview"),
            ("/v1/overview//?a=b/", "/overview?a=b/"),
            ("//v1//jobs//overview", "/jobs/overview"),
            ("/v1x/overview", "/v1x/overview"),
            ("/v1", "/v1"),
            ("/v1/", "/v1/"),
            ("/v2/overview", "/v2/overview"),
            ("/", "/"),
            ("//", "//"),
        ] {
            let request = normalize(Request::builder().uri(given).body(()).unwrap());
            assert_eq!(request.uri().to_string(), expected, "{given}");
        }
    }
}
