//! What a task host is told.

use std::time::Duration;

use flott_control::task_manager::HostCommand;
use flott_core::{FailureCause, FailureKind};
use flott_rpc::TaskHostCommand;
use tokio::sync::mpsc;

use super::{Ending, Host, HostOrder};
use crate::clock::now;

impl Host {
    pub(super) fn obey(&mut self, order: HostOrder) {
        match order {
            HostOrder::Send(HostCommand::Cancel { tasks }) => self.command(TaskHostCommand::Cancel { tasks }),
            HostOrder::Send(HostCommand::Deploy { placement, tasks }) => {
                let own = &self.context.task_manager_id;
                match placement.host_on(own) {
                    Some(own_host) => {
                        self.silence.deployed(&tasks, now());
                        self.command(TaskHostCommand::Deploy { placement, tasks, own_host });
                    }
                    None => self.end_with(
                        FailureCause::new(
                            FailureKind::Internal,
                            format!("the placement of the job's tasks does not name TaskManager {own}"),
                        ),
                        Duration::ZERO,
                    ),
                }
            }
            HostOrder::Send(HostCommand::TriggerCheckpoint { barrier, tasks }) => {
                self.command(TaskHostCommand::TriggerCheckpoint { barrier, tasks });
            }
            HostOrder::Send(HostCommand::NotifyCheckpoint { notice }) => {
                self.command(TaskHostCommand::NotifyCheckpoint { notice });
            }
            HostOrder::Sample { sampling, reply } => {
                if self.connection.is_some()
                    && let Some(request_id) = self.samplings.begin(reply)
                {
                    self.command(TaskHostCommand::Sample { request_id, sampling });
                }
            }
            HostOrder::End { grace } => {
                if self.ending.is_none() {
                    self.ending = Some(Ending::Ordered);
                    if !grace.is_zero() {
                        self.command(TaskHostCommand::Shutdown);
                    }
                }
                self.kill_within(grace);
            }
        }
    }

    /// Sends a command behind all earlier ones. One that is lost would leave the two at odds, so a task host that does not take
    /// it is given up.
    pub(super) fn command(&mut self, command: TaskHostCommand) {
        let Some(connection) = &self.connection else { return };
        if let Err(mpsc::error::TrySendError::Full(_)) = connection.commands.try_send(Ok(command.into())) {
            let cause = FailureCause::new(FailureKind::Internal, "the task host does not read its commands");
            self.end_with(cause, Duration::ZERO);
        }
    }
}
