//! Calls about artifacts.

use std::{io, path::Path, sync::Arc};

use flott_core::JobId;
use futures::TryStreamExt;
use reqwest::{
    Body, Method,
    multipart::{Form, Part},
};
use tokio::fs::File;
use tokio_util::io::ReaderStream;

use super::Done;
use crate::{
    Client, Error,
    client::Repeat,
    types::{
        jars::{Jar, Jars, RunRequest, Started, Uploaded},
        plan::{Plan, PlanBody},
    },
};

/// How much of a file is read and sent at once.
const CHUNK_BYTES: usize = 256 * 1024;

impl Client {
    /// Uploads the file at `path` as `name` and returns the id to run it by. `progress` is told after each piece how
    /// many bytes have been read so far.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or the server cannot be reached or refuses it.
    pub async fn upload(
        &self,
        path: &Path,
        name: &str,
        progress: impl Fn(u64) + Send + Sync + 'static,
    ) -> Result<String, Error> {
        let progress: Arc<dyn Fn(u64) + Send + Sync> = Arc::new(progress);
        // A second upload of the same content takes no space, and nobody learns the id of the first.
        let call = self.call(Method::POST, &["jars", "upload"], Repeat::Safe).unbounded();
        let form = async |progress| -> io::Result<Form> {
            let file = File::open(path).await?;
            let length = file.metadata().await?.len();
            let part = Part::stream_with_length(content(file, progress), length).file_name(name.to_owned());
            Ok(Form::new().part("jarfile", part))
        };
        let uploaded: Uploaded = self
            .send(call, async |request| match form(progress.clone()).await {
                Ok(form) => Ok(request.multipart(form)),
                Err(source) => Err(Error::File { path: path.to_owned(), source }),
            })
            .await?;
        let id = uploaded.filename.rsplit('/').next().unwrap_or(&uploaded.filename);
        Ok(id.to_owned())
    }

    /// The uploaded artifacts.
    ///
    /// # Errors
    ///
    /// When the server cannot be reached or does not answer as it should.
    pub async fn jars(&self) -> Result<Vec<Jar>, Error> {
        let body: Jars = self.get(&["jars"]).await?;
        Ok(body.files)
    }

    /// Deletes an uploaded artifact.
    ///
    /// # Errors
    ///
    /// As [`Self::jars`], and when there is no such artifact or a job uses it.
    pub async fn delete_jar(&self, jar: &str) -> Result<(), Error> {
        // A second attempt would find nothing to delete and fail.
        let call = self.call(Method::DELETE, &["jars", jar], Repeat::Unsafe);
        let Done {} = self.send(call, async |request| Ok(request)).await?;
        Ok(())
    }

    /// Plans an uploaded artifact and returns the graph of the job that it stands for.
    ///
    /// # Errors
    ///
    /// As [`Self::jars`], and when the artifact cannot be planned.
    pub async fn plan_jar(&self, jar: &str, run: &RunRequest) -> Result<Plan, Error> {
        let call = self.call(Method::POST, &["jars", jar, "plan"], Repeat::Safe);
        let body: PlanBody = self.send(call, async |request| Ok(request.json(run))).await?;
        Ok(body.plan)
    }

    /// Starts an uploaded artifact and returns the id of its job.
    ///
    /// # Errors
    ///
    /// As [`Self::plan_jar`]. After a broken connection the job may run nevertheless; with [`RunRequest::job_id`] the call is
    /// repeated then.
    pub async fn run_jar(&self, jar: &str, run: &RunRequest) -> Result<JobId, Error> {
        // By the id that the client has chosen the server knows a repetition.
        let repeat = if run.job_id.is_some() { Repeat::Safe } else { Repeat::Unsafe };
        let call = self.call(Method::POST, &["jars", jar, "run"], repeat);
        let started: Started = self.send(call, async |request| Ok(request.json(run))).await?;
        Ok(started.jobid)
    }
}

/// The content of `file` as a request's body.
fn content(file: File, progress: Arc<dyn Fn(u64) + Send + Sync>) -> Body {
    let mut read_bytes = 0;
    let pieces = ReaderStream::with_capacity(file, CHUNK_BYTES).inspect_ok(move |piece| {
        read_bytes += piece.len() as u64;
        progress(read_bytes);
    });
    Body::wrap_stream(pieces)
}
