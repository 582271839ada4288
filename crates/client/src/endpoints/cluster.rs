//! Calls about the cluster.

use crate::{
    Client, Error,
    types::cluster::{DashboardConfig, Overview, TaskManager, TaskManagers},
};

impl Client {
    /// Numbers of TaskManagers, slots and jobs.
    ///
    /// # Errors
    ///
    /// When the server cannot be reached or does not answer as it should.
    pub async fn overview(&self) -> Result<Overview, Error> {
        self.get(&["overview"]).await
    }

    /// What the dashboard goes by.
    ///
    /// # Errors
    ///
    /// As [`Self::overview`].
    pub async fn config(&self) -> Result<DashboardConfig, Error> {
        self.get(&["config"]).await
    }

    /// The registered TaskManagers.
    ///
    /// # Errors
    ///
    /// As [`Self::overview`].
    pub async fn task_managers(&self) -> Result<Vec<TaskManager>, Error> {
        let body: TaskManagers = self.get(&["taskmanagers"]).await?;
        Ok(body.taskmanagers)
    }
}
