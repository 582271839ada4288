//! What the path and the query say.

use std::str::FromStr;

use axum::{
    extract::{FromRequestParts, RawPathParams},
    http::request::Parts,
};
use flott_core::{JobId, TaskManagerId, VertexId};

use super::error::ApiError;

/// The variable parts of a path, percent-decoded, by Flink's names.
pub(crate) struct PathParams(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for PathParams {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let params = RawPathParams::from_request_parts(parts, state).await.map_err(|error| {
            ApiError::bad_request(format!("Bad request, could not parse parameters: {error}."))
        })?;
        Ok(Self(params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()))
    }
}

impl PathParams {
    /// The part with this name; empty if the route has none.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    /// The part with this name, parsed.
    pub(crate) fn parse<T: FromStr>(&self, name: &str) -> Result<T, ApiError> {
        let value = self.text(name);
        value.parse().map_err(|_| ApiError::path_parameter(name, value))
    }

    /// The job's id.
    pub(crate) fn job_id(&self) -> Result<JobId, ApiError> {
        self.parse("jobid")
    }

    /// The vertex's id.
    pub(crate) fn vertex_id(&self) -> Result<VertexId, ApiError> {
        self.parse("vertexid")
    }

    /// The TaskManager's id.
    pub(crate) fn task_manager_id(&self) -> TaskManagerId {
        TaskManagerId::new(self.text("taskmanagerid"))
    }
}

/// The query, percent-decoded.
pub(crate) struct Query(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Ok(Self::new(parts.uri.query().unwrap_or_default()))
    }
}

impl Query {
    pub(crate) fn new(query: &str) -> Self {
        Self(form_urlencoded::parse(query.as_bytes()).into_owned().collect())
    }

    /// The last value under a name, if it is not empty.
    pub(crate) fn one(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .rev()
            .find(|(key, value)| key == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// The last value under a name, parsed.
    pub(crate) fn parse<T: FromStr>(&self, name: &str) -> Result<Option<T>, ApiError> {
        self.one(name)
            .map(|value| value.parse().map_err(|_| ApiError::query_parameter(name, value)))
            .transpose()
    }

    /// The members of a comma-separated list, whichever way it is written: `a,b` or given twice.
    pub(crate) fn list(&self, name: &str) -> Vec<&str> {
        self.0
            .iter()
            .filter(|(key, _)| key == name)
            .flat_map(|(_, value)| value.split(','))
            .filter(|member| !member.is_empty())
            .collect()
    }

    /// The members of a comma-separated list, parsed.
    pub(crate) fn parse_list<T: FromStr>(&self, name: &str) -> Result<Vec<T>, ApiError> {
        self.list(name)
            .into_iter()
            .map(|member| member.parse().map_err(|_| ApiError::query_parameter(name, member)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_split_at_commas_whether_encoded_or_not() {
        let query = Query::new("get=a,b&get=c%2Cd&x=&get=");
        assert_eq!(query.list("get"), ["a", "b", "c", "d"]);
        assert_eq!(query.one("x"), None);
        assert_eq!(query.list("nosuch"), Vec::<&str>::new());
    }

    #[test]
    fn values_of_a_wrong_type_name_parameter_and_value() {
        let error = Query::new("parallelism=many").parse::<u32>("parallelism").unwrap_err();
        assert_eq!(
            error,
            ApiError::bad_request(
                "Bad request, could not parse parameters: Cannot resolve query parameter (parallelism) from value \"many\"."
            )
        );
        assert_eq!(Query::new("parallelism=4").parse::<u32>("parallelism").unwrap(), Some(4));
    }
}
