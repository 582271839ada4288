use std::time::Duration;

use object_store::{
    Result, RetryConfig,
    aws::{AmazonS3, AmazonS3Builder, S3ConditionalPut},
};

use super::http::Connector;
use crate::options::{Endpoint, S3Options};

/// Where the environment names the region, if the configuration does not.
const REGION_VARIABLES: [&str; 2] = ["AWS_REGION", "AWS_DEFAULT_REGION"];

/// A client for one bucket.
pub(super) fn client(bucket: &str, options: &S3Options) -> Result<AmazonS3> {
    let mut builder = match &options.keys {
        // The environment may have a session token, which does not go with other keys.
        Some(keys) => {
            let builder =
                AmazonS3Builder::new().with_access_key_id(&keys.access).with_secret_access_key(&keys.secret);
            match &keys.token {
                Some(token) => builder.with_token(token),
                None => builder,
            }
        }
        None => AmazonS3Builder::from_env(),
    };
    let from_environment = || REGION_VARIABLES.iter().find_map(|name| std::env::var(name).ok());
    if let Some(region) = options.region.clone().or_else(from_environment) {
        builder = builder.with_region(region);
    }
    if let Some(endpoint) = &options.endpoint {
        builder = match bucket_in_host(endpoint, options.path_style) {
            true => builder.with_endpoint(format!("{}://{bucket}.{}", endpoint.scheme, endpoint.host)),
            false => builder.with_endpoint(format!("{}://{}", endpoint.scheme, endpoint.host)),
        };
        builder = builder.with_virtual_hosted_style_request(bucket_in_host(endpoint, options.path_style));
    } else {
        builder = builder.with_virtual_hosted_style_request(!options.path_style);
    }
    builder
        .with_bucket_name(bucket)
        .with_allow_http(true)
        .with_conditional_put(S3ConditionalPut::ETagMatch)
        // Tried again by us, so that each attempt is bounded and signed anew.
        .with_retry(RetryConfig { max_retries: 0, retry_timeout: Duration::ZERO, ..RetryConfig::default() })
        .with_http_connector(Connector)
        .build()
}

/// Whether the bucket stands in the name of the host. An address has no such names below it.
fn bucket_in_host(endpoint: &Endpoint, path_style: bool) -> bool {
    let authority = endpoint.host.split('/').next().unwrap_or_default();
    let name = authority.rsplit_once(':').map_or(authority, |(name, _)| name);
    let address =
        authority.starts_with('[') || name.parse::<std::net::Ipv4Addr>().is_ok() || name == "localhost";
    !path_style && !address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_no_buckets_in_their_names() {
        let endpoint = |host: &str| Endpoint { scheme: "http", host: host.into() };
        for (host, path_style, expected) in [
            ("s3.example.org", false, true),
            ("s3.example.org:9000", false, true),
            ("s3.example.org", true, false),
            ("127.0.0.1:9000", false, false),
            ("localhost", false, false),
            ("[::1]:9000", false, false),
        ] {
            assert_eq!(bucket_in_host(&endpoint(host), path_style), expected, "{host}");
        }
    }
}
