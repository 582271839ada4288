//! Metrics of subtasks and their operators: `GET …/metrics`, `…/subtasks/metrics`, `…/subtasks/:subtaskindex/metrics`.

use std::{borrow::Cow, collections::BTreeSet};

use axum::extract::State;
use flott_core::metrics::{TaskKind, task_readings};

use super::{Vertex, operators};
use crate::{
    rest::{
        Api,
        error::ApiError,
        json::Json,
        metrics::{AggregatedMetric, Metric, Value, aggregate, if_there, select},
        params::{PathParams, Query},
    },
    view::SubtaskView,
};

/// The metrics of one subtask and of its operators, with Flink's names.
fn values(vertex: &Vertex, subtask: &SubtaskView) -> Vec<(Cow<'static, str>, Value)> {
    let kind = TaskKind { is_source: vertex.planned().is_source, has_outputs: vertex.has_outputs() };
    let own = task_readings(kind, &subtask.metrics, &subtask.rates);
    let own = own.into_iter().map(|(name, value)| (name.into(), value.into()));
    let of_chain = operators::of_chain(vertex.planned(), kind, subtask);
    own.chain(of_chain).chain(operators::values(subtask)).collect()
}

/// All subtasks; ids are `<subtask>.<metric>` and `<subtask>.<operator>.<metric>`.
pub(crate) async fn of_vertex(
    State(api): State<Api>,
    params: PathParams,
    query: Query,
) -> Result<Json<Vec<Metric>>, ApiError> {
    let vertex = if_there(Vertex::find(&api, &params).await)?;
    let all = vertex.iter().flat_map(|vertex| vertex.subtasks().map(move |subtask| (vertex, subtask)));
    let all = all.flat_map(|(vertex, (index, subtask))| {
        values(vertex, subtask).into_iter().map(move |(name, value)| (format!("{index}.{name}"), value))
    });
    Ok(Json(select(all, &query)))
}

/// One subtask.
pub(crate) async fn of_subtask(
    State(api): State<Api>,
    params: PathParams,
    query: Query,
) -> Result<Json<Vec<Metric>>, ApiError> {
    let Some(vertex) = if_there(Vertex::find(&api, &params).await)? else { return Ok(Json(Vec::new())) };
    let subtask = if_there(vertex.subtask(&params))?;
    let values = subtask.map(|(_, subtask)| values(&vertex, subtask)).unwrap_or_default();
    Ok(Json(select(values.into_iter(), &query)))
}

/// Aggregates over the subtasks, or over those that `?subtasks=0-2,5` names.
pub(crate) async fn over_subtasks(
    State(api): State<Api>,
    params: PathParams,
    query: Query,
) -> Result<Json<Vec<AggregatedMetric>>, ApiError> {
    let vertex = if_there(Vertex::find(&api, &params).await)?;
    let parallelism = vertex.as_ref().map_or(0, |vertex| vertex.view().subtasks.len() as u32);
    let selected = selected_subtasks(&query, parallelism)?;
    let is_selected = |index: u32| selected.as_ref().is_none_or(|selected| selected.contains(&index));
    let all = vertex.iter().flat_map(|vertex| vertex.subtasks().map(move |subtask| (vertex, subtask)));
    let sources = all
        .filter(|(_, (index, _))| is_selected(*index))
        .map(|(vertex, (_, subtask))| values(vertex, subtask));
    Ok(Json(aggregate(sources, &query)?))
}

/// The subtasks that the query names, as far as they exist; `None` if it names none.
fn selected_subtasks(query: &Query, parallelism: u32) -> Result<Option<BTreeSet<u32>>, ApiError> {
    let ranges = query.list("subtasks");
    if ranges.is_empty() {
        return Ok(None);
    }
    let mut selected = BTreeSet::new();
    for range in ranges {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        match (first.trim().parse::<u32>(), last.trim().parse::<u32>()) {
            (Ok(first), Ok(last)) if first <= last => {
                selected.extend(first..last.saturating_add(1).min(parallelism))
            }
            _ => return Err(ApiError::query_parameter("subtasks", range)),
        }
    }
    Ok(Some(selected))
}

/// Metrics of operator coordinators, of which there are none in the JobManager.
pub(crate) async fn of_coordinators(
    State(api): State<Api>,
    params: PathParams,
) -> Result<Json<Vec<Metric>>, ApiError> {
    if_there(Vertex::find(&api, &params).await)?;
    Ok(Json(Vec::new()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subtasks_are_selected_by_ranges() {
        let select = |query: &str| selected_subtasks(&Query::new(query), 6);
        assert_eq!(select("").unwrap(), None);
        assert_eq!(select("subtasks=0-2,5").unwrap(), Some(BTreeSet::from([0, 1, 2, 5])));
        assert_eq!(select("subtasks=3-4294967295").unwrap(), Some(BTreeSet::from([3, 4, 5])));
        for wrong in ["subtasks=x", "subtasks=2-1", "subtasks=-1", "subtasks=1-"] {
            assert!(select(wrong).is_err(), "{wrong}");
        }
    }
}
