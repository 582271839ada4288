//! From windows to the operator that makes them.

use std::time::Duration;

use flott_runtime::{
    BoxOutput, Output, OutputTag, Record, RuntimeContext,
    operators::{KeySelector, in_time_order},
    windowing::{
        Contents, Evictor, NoEvictor, PaneOperator, Storing, Trigger, WindowAssigner, WindowFunction,
        WindowOperator, WindowSettings, WithEvictor,
    },
};

use crate::{DataStream, Error, SingleOutputStream};

/// All that is set of windows before it is known what is done with them.
#[derive(Clone)]
pub(super) struct Windows<T, S, A, G, E> {
    stream: DataStream<T>,
    selector: S,
    assigner: A,
    trigger: G,
    has_default_trigger: bool,
    evictor: E,
    settings: WindowSettings<T>,
    is_parallel: bool,
}

impl<T: Record, S: KeySelector<T>, A: WindowAssigner<T>> Windows<T, S, A, A::DefaultTrigger, NoEvictor> {
    pub(super) fn new(stream: DataStream<T>, selector: S, assigner: A) -> Self {
        let trigger = assigner.default_trigger();
        Self {
            stream,
            selector,
            assigner,
            trigger,
            has_default_trigger: true,
            evictor: NoEvictor,
            settings: WindowSettings::default(),
            is_parallel: true,
        }
    }

    pub(super) fn in_one_subtask(self) -> Self {
        Self { is_parallel: false, ..self }
    }
}

impl<T, S, A, G, E> Windows<T, S, A, G, E>
where
    T: Record,
    S: KeySelector<T>,
    A: WindowAssigner<T>,
    G: Trigger<T, A::Window>,
    E: Storing<T, A::Window>,
{
    pub(super) fn trigger<H: Trigger<T, A::Window>>(self, trigger: H) -> Windows<T, S, A, H, E> {
        let Self { stream, selector, assigner, evictor, settings, is_parallel, .. } = self;
        let has_default_trigger = false;
        Windows { stream, selector, assigner, trigger, has_default_trigger, evictor, settings, is_parallel }
    }

    pub(super) fn evictor<F: Evictor<T, A::Window>>(self, evictor: F) -> Windows<T, S, A, G, WithEvictor<F>> {
        let Self { stream, selector, assigner, trigger, has_default_trigger, settings, is_parallel, .. } =
            self;
        let evictor = WithEvictor(evictor);
        Windows { stream, selector, assigner, trigger, has_default_trigger, evictor, settings, is_parallel }
    }

    pub(super) fn allowed_lateness(mut self, lateness: Duration) -> Self {
        self.settings.lateness = i64::try_from(lateness.as_millis()).unwrap_or(i64::MAX);
        self
    }

    pub(super) fn side_output_late_data(mut self, tag: &OutputTag<T>) -> Self {
        self.settings.late = Some(tag.clone());
        self
    }

    /// The operator that gives `contents` to `function`.
    pub(super) fn operator<C, F>(&self, contents: C, function: F) -> SingleOutputStream<F::Record>
    where
        C: Contents<T>,
        F: WindowFunction<C::Value, S::Key, A::Window>,
    {
        self.check();
        let Self { selector, assigner, trigger, evictor, settings, .. } = self.clone();
        let grid = assigner.aligned().filter(|_| self.has_default_trigger && !E::KEEPS_ALL);
        let domain = assigner.time_domain();
        let depends_on_order = C::DEPENDS_ON_ORDER || E::KEEPS_ALL || !self.has_default_trigger;
        let stream = self.stream.operator_with_sides(assigner.name(), move |context, next| {
            let (selector, settings) = (selector.clone(), settings.clone());
            let (contents, function) = (contents.clone(), function.clone());
            if let Some(grid) = grid {
                let operator = PaneOperator::new(
                    context.clone(),
                    selector,
                    grid,
                    domain,
                    contents,
                    function,
                    settings,
                    next,
                )?;
                return Ok(ordered(&context, operator, depends_on_order));
            }
            let (assigner, trigger, store) = (assigner.clone(), trigger.clone(), evictor.store(contents));
            let operator = WindowOperator::new(
                context.clone(),
                selector,
                assigner,
                trigger,
                store,
                function,
                settings,
                next,
            )?;
            Ok(ordered(&context, operator, depends_on_order))
        });
        // Also when the job is rescaled: one subtask sees all records.
        if self.is_parallel { stream } else { stream.set_parallelism(1).set_max_parallelism(1) }
    }

    /// Notes what is wrong with the settings.
    fn check(&self) {
        let Self { assigner, trigger, evictor, .. } = self;
        let cannot_merge = (assigner.is_merging() && !trigger.can_merge()).then(|| {
            "windows that merge need a trigger that can merge: take another one, or implement can_merge and on_merge of \
             your own"
                .to_owned()
        });
        let problems = [assigner.problem(), trigger.problem(), evictor.problem(), cannot_merge];
        for problem in problems.into_iter().flatten() {
            let problem = format!("operator \"{}\": {problem}", assigner.name());
            self.stream.env.graph.borrow_mut().problems.push(Error::Setting(problem));
        }
    }
}

/// The operator, which in batch mode gets its records in the order of their timestamps if that makes a difference.
fn ordered<T, O>(context: &RuntimeContext, operator: O, depends_on_order: bool) -> BoxOutput<T>
where
    T: Record,
    O: Output<T> + 'static,
{
    if depends_on_order { in_time_order(context, operator) } else { Box::new(operator) }
}
