//! The executable form of a vertex: a tree of chained operators, made anew for each subtask.

use std::sync::Arc;

use flott_runtime::{Result, VertexProgram, input::TaskInput, output::SideOutputs, program::TaskBuilder};

use super::{
    AnyOutput, BuildGate, BuildOperator, BuildSource, BuildTwoInputs, BuildWriter, EdgeTarget, Link, MakeTee,
    Next, SideOutput,
};

/// One operator of a chain.
pub(super) struct ChainedOperator {
    /// `None` for what only a head can be.
    pub(super) build: Option<Arc<BuildOperator>>,
    pub(super) tee: Arc<MakeTee>,
    /// Who reads what it emits, and which side output if not the main one.
    pub(super) consumers: Vec<(Option<SideOutput>, Consumer)>,
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
    TwoInputs(Arc<BuildTwoInputs>),
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
                let next = self.next_of(builder, 0)?;
                builder.within(0, |builder| build(builder, next.main))
            }
            Head::Gate(build) => {
                let head = self.operator(builder, 0)?;
                build(builder, head)
            }
            Head::TwoInputs(build) => {
                let next = self.next_of(builder, 0)?;
                builder.within(0, |builder| build(builder, next))
            }
        }
    }

    /// The operator at a position with everything behind it.
    fn operator(&self, builder: &mut TaskBuilder, position: usize) -> Result<AnyOutput> {
        let next = self.next_of(builder, position)?;
        let build = self.operators[position].build.as_ref().expect("only the head of a chain is a source");
        let position = position as u32;
        builder.within(position, |builder| build(builder, position, next))
    }

    /// What the operator at a position feeds.
    fn next_of(&self, builder: &mut TaskBuilder, position: usize) -> Result<Next> {
        let operator = &self.operators[position];
        let mut main = Vec::new();
        let mut link = Link { from: position as u32, to: Vec::new() };
        let mut sides: Vec<(&SideOutput, Vec<AnyOutput>)> = Vec::new();
        for (side, consumer) in &operator.consumers {
            let output = match consumer {
                Consumer::Chained(child) => self.operator(builder, *child)?,
                Consumer::Edge { target, writer } => writer(builder, target)?,
            };
            match side {
                None => {
                    if let Consumer::Chained(child) = consumer {
                        link.to.push(*child as u32);
                    }
                    main.push(output);
                }
                Some(side) => match sides.iter_mut().find(|(known, _)| known.id == side.id) {
                    Some((_, outputs)) => outputs.push(output),
                    None => sides.push((side, vec![output])),
                },
            }
        }
        let sides = sides.into_iter().map(|(side, outputs)| (side.id.clone(), (side.make)(outputs)));
        Ok(Next { main: (operator.tee)(builder, main, &link), sides: SideOutputs::new(sides.collect()) })
    }
}
