//! The executable form of a vertex: a tree of chained operators, made anew for each subtask.

use std::sync::Arc;

use flott_runtime::{Result, VertexProgram, input::TaskInput, program::TaskBuilder};

use super::{AnyOutput, BuildGate, BuildOperator, BuildSource, BuildWriter, EdgeTarget};

/// One operator of a chain.
pub(super) struct ChainedOperator {
    /// `None` for a source, which only a head can be.
    pub(super) build: Option<Arc<BuildOperator>>,
    pub(super) tee: Arc<dyn Fn(Vec<AnyOutput>) -> AnyOutput + Send + Sync>,
    pub(super) consumers: Vec<Consumer>,
}

/// Who reads what an operator emits.
pub(super) enum Consumer {
    /// The operator at this position of the same chain.
    Chained(usize),
    /// Another vertex.
    Edge { target: EdgeTarget, writer: Arc<BuildWriter> },
}

/// How a chain gets its records.
pub(super) enum Head {
    Source(Arc<BuildSource>),
    Gate(Arc<BuildGate>),
}

/// The operators of a vertex, the head first.
pub(super) struct Chain {
    pub(super) head: Head,
    pub(super) operators: Vec<ChainedOperator>,
}

impl Chain {
    pub(super) fn into_program(self) -> VertexProgram {
        VertexProgram { build: Box::new(move |builder| self.build(builder)) }
    }

    fn build(&self, builder: &mut TaskBuilder) -> Result<Box<dyn TaskInput>> {
        match &self.head {
            Head::Source(build) => {
                let next = self.outputs_of(builder, 0)?;
                builder.within(0, |builder| build(builder, 0, next))
            }
            Head::Gate(build) => {
                let head = self.operator(builder, 0)?;
                build(builder, head)
            }
        }
    }

    /// The operator at a position with everything behind it.
    fn operator(&self, builder: &mut TaskBuilder, position: usize) -> Result<AnyOutput> {
        let next = self.outputs_of(builder, position)?;
        let build = self.operators[position].build.as_ref().expect("only the head of a chain is a source");
        let position = position as u32;
        builder.within(position, |builder| build(builder, position, next))
    }

    fn outputs_of(&self, builder: &mut TaskBuilder, position: usize) -> Result<AnyOutput> {
        let operator = &self.operators[position];
        let mut outputs = Vec::with_capacity(operator.consumers.len());
        for consumer in &operator.consumers {
            outputs.push(match consumer {
                Consumer::Chained(child) => self.operator(builder, *child)?,
                Consumer::Edge { target, writer } => writer(builder, target)?,
            });
        }
        Ok(match outputs.len() {
            1 => outputs.remove(0),
            _ => (operator.tee)(outputs),
        })
    }
}
