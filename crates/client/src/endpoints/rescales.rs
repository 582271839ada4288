//! Calls about a job's parallelism.

use flott_core::JobId;
use reqwest::Method;

use super::Done;
use crate::{
    Client, Error,
    client::Repeat,
    types::rescales::{Rescale, ResourceRequirements},
};

impl Client {
    /// How many subtasks a job's vertices are to have.
    ///
    /// # Errors
    ///
    /// As [`Self::job`].
    pub async fn resource_requirements(&self, job: JobId) -> Result<ResourceRequirements, Error> {
        self.get(&["jobs", &job.to_string(), "resource-requirements"]).await
    }

    /// Says how many subtasks a job's vertices are to have, of all of them. Returns when that is durable, not when it is so.
    ///
    /// # Errors
    ///
    /// As [`Self::job`], and when the job can't be rescaled like this.
    pub async fn set_resource_requirements(
        &self,
        job: JobId,
        requirements: &ResourceRequirements,
    ) -> Result<(), Error> {
        let path = ["jobs", &job.to_string(), "resource-requirements"];
        let call = self.call(Method::PUT, &path, Repeat::Safe);
        let Done {} = self.send(call, async |request| Ok(request.json(requirements))).await?;
        Ok(())
    }

    /// A job's last rescales, the newest first.
    ///
    /// # Errors
    ///
    /// As [`Self::job`], and when the job can't be rescaled.
    pub async fn rescales(&self, job: JobId) -> Result<Vec<Rescale>, Error> {
        self.get(&["jobs", &job.to_string(), "rescales", "history"]).await
    }

    /// One of a job's rescales, with what it has changed.
    ///
    /// # Errors
    ///
    /// As [`Self::rescales`], and when there is no such rescale.
    pub async fn rescale(&self, job: JobId, id: &str) -> Result<Rescale, Error> {
        self.get(&["jobs", &job.to_string(), "rescales", "details", id]).await
    }
}
