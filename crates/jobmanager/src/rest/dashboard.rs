//! The dashboard's files, and the answer to paths that nobody serves.

use axum::{
    body::Body,
    extract::{Extension, Request},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use flott_dashboard::Asset;

use super::{error::ApiError, path::OriginalPath};

/// Answers what no route has taken: a file of the dashboard, or 404.
pub(crate) async fn serve(
    Extension(OriginalPath(path)): Extension<OriginalPath>,
    request: Request,
) -> Response {
    if request.method() != Method::GET {
        return ApiError::not_found(format!("Not found: {path}")).into_response();
    }
    match flott_dashboard::asset(&path) {
        Some(asset) => answer(asset, request.headers()),
        None => ApiError::not_found(format!("Unable to load requested file {path}.")).into_response(),
    }
}

fn answer(asset: Asset, request: &HeaderMap) -> Response {
    let gzipped = asset.gzip.filter(|_| accepts_gzip(request));
    // Two forms of one file are equivalent, not the same: one strong tag can't stand for both.
    let etag = if gzipped.is_some() { format!("W/{}", asset.etag) } else { asset.etag.clone() };
    let unchanged = is_known(request, &asset.etag);

    let mut response = if unchanged {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let bytes = gzipped.clone().unwrap_or(asset.bytes);
        Body::from(Bytes::from_owner(bytes)).into_response()
    };
    let headers = response.headers_mut();
    if !unchanged {
        headers.insert(header::CONTENT_TYPE, value(&asset.content_type));
        if gzipped.is_some() {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
    }
    headers.insert(header::ETAG, value(&etag));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    let caching = if asset.immutable { "public, max-age=31536000, immutable" } else { "no-cache" };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    response
}

/// Content types and tags are made by our own build and have no bytes that a header forbids.
fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// Whether the client takes gzip: named, and not with a quality of 0.
fn accepts_gzip(request: &HeaderMap) -> bool {
    let lists = request.get_all(header::ACCEPT_ENCODING).iter().filter_map(|list| list.to_str().ok());
    lists.flat_map(|list| list.split(',')).any(|member| {
        let mut parts = member.split(';').map(str::trim);
        let is_gzip = parts.next().is_some_and(|coding| coding.eq_ignore_ascii_case("gzip") || coding == "*");
        let refused = parts.any(|parameter| {
            let quality = parameter.strip_prefix("q=").and_then(|quality| quality.parse::<f32>().ok());
            quality == Some(0.0)
        });
        is_gzip && !refused
    })
}

/// Whether the client has the file already. Tags are compared weakly, as `If-None-Match` wants it.
fn is_known(request: &HeaderMap, etag: &str) -> bool {
    let lists = request.get_all(header::IF_NONE_MATCH).iter().filter_map(|list| list.to_str().ok());
    lists
        .flat_map(|list| list.split(','))
        .map(str::trim)
        .any(|tag| tag == "*" || tag.trim_start_matches("W/") == etag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asset() -> Asset {
        Asset {
            bytes: b"plain".as_slice().into(),
            gzip: Some(b"\x1f\x8bpacked".as_slice().into()),
            content_type: "text/javascript; charset=utf-8".to_owned(),
            immutable: true,
            etag: "\"abc\"".to_owned(),
        }
    }

    fn ask(headers: &[(&str, &str)]) -> Response {
        let mut request = Request::builder();
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        answer(asset(), request.body(Body::empty()).unwrap().headers())
    }

    #[test]
    fn known_files_are_not_sent_again() {
        for (tag, status) in
            [("\"abc\"", 304), ("W/\"abc\"", 304), ("\"x\", \"abc\"", 304), ("*", 304), ("\"x\"", 200)]
        {
            assert_eq!(ask(&[("if-none-match", tag)]).status(), status, "{tag}");
        }
    }

    #[test]
    fn gzip_is_sent_to_those_who_take_it() {
        for (accepted, encoding) in [
            ("gzip, br", Some("gzip")),
            ("br;q=1.0, GZIP;q=0.5", Some("gzip")),
            ("*", Some("gzip")),
            ("gzip;q=0", None),
            ("identity", None),
        ] {
            let response = ask(&[("accept-encoding", accepted)]);
            let sent = response.headers().get(header::CONTENT_ENCODING).map(|value| value.to_str().unwrap());
            assert_eq!(sent, encoding, "{accepted}");
        }
    }
}
