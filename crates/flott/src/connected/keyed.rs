use flott_runtime::{
    Record,
    functions::KeyedCoProcessFunction,
    operators::{Collector, KeySelector, KeyedCoProcess, co_in_time_order},
};

use super::{ConnectedStreams, two_inputs};
use crate::{KeyedStream, SingleOutputStream};

/// Two streams that are grouped by the same key and read by one operator: state and timers of a key are shared by the
/// records of both.
#[derive(Clone)]
pub struct KeyedConnectedStreams<A, B, L, R>
where
    A: Record,
    B: Record,
    L: KeySelector<A>,
    R: KeySelector<B, Key = L::Key>,
{
    left: KeyedStream<A, L>,
    right: KeyedStream<B, R>,
}

impl<A: Record, L: KeySelector<A>> KeyedStream<A, L> {
    /// Has one operator read this stream and another one that is grouped by keys of the same type.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// let rides = env.from_collection([(7u32, "start".to_owned())]).key_by(|(ride, _)| *ride);
    /// let fares = env.from_collection([(7u32, 12.5)]).key_by(|(ride, _)| *ride);
    /// rides.connect(&fares);
    /// ```
    ///
    /// Keys of different types are refused:
    ///
    /// ```compile_fail
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// let rides = env.from_collection([(7u32, "start".to_owned())]).key_by(|(ride, _)| *ride);
    /// let fares = env.from_collection([(7u64, 12.5)]).key_by(|(ride, _)| *ride);
    /// rides.connect(&fares);
    /// ```
    pub fn connect<B, R>(&self, other: &KeyedStream<B, R>) -> KeyedConnectedStreams<A, B, L, R>
    where
        B: Record,
        R: KeySelector<B, Key = L::Key>,
    {
        KeyedConnectedStreams { left: self.clone(), right: other.clone() }
    }
}

impl<A, B, L, R> KeyedConnectedStreams<A, B, L, R>
where
    A: Record,
    B: Record,
    L: KeySelector<A>,
    R: KeySelector<B, Key = L::Key>,
{
    fn connected(&self) -> ConnectedStreams<A, B> {
        self.left.stream.connect(&self.right.stream)
    }

    /// As [`ConnectedStreams::map`], with the records of a key in one subtask.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// let speeds = env.from_collection([("Toyota".to_owned(), 67u32)]);
    /// let owners = env.from_collection([("Toyota".to_owned(), "Ann".to_owned())]);
    /// let connected = speeds.connect(&owners).key_by_ref(|(car, _)| car, |(car, _)| car);
    /// connected.map(|(car, speed)| format!("{car} drives {speed}"), |(car, owner)| format!("{car} is of {owner}"));
    /// ```
    pub fn map<U, F, G>(&self, left: F, right: G) -> SingleOutputStream<U>
    where
        U: Record,
        F: FnMut(A) -> U + Clone + Send + Sync + 'static,
        G: FnMut(B) -> U + Clone + Send + Sync + 'static,
    {
        self.connected().map(left, right)
    }

    /// As [`ConnectedStreams::flat_map`], with the records of a key in one subtask.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// let speeds = env.from_collection([("Toyota".to_owned(), 67u32)]);
    /// let names = env.from_collection(["Toyota".to_owned()]);
    /// let connected = speeds.connect(&names).key_by_ref(|(car, _)| car, |car| car);
    /// connected.flat_map(|(car, speed), out| if speed > 65 { out.emit(car) }, |car, out| out.emit(car));
    /// ```
    pub fn flat_map<U, F, G>(&self, left: F, right: G) -> SingleOutputStream<U>
    where
        U: Record,
        F: FnMut(A, &mut Collector<'_, U>) + Clone + Send + Sync + 'static,
        G: FnMut(B, &mut Collector<'_, U>) + Clone + Send + Sync + 'static,
    {
        self.connected().flat_map(left, right)
    }

    /// Calls a function that sees the records of both streams, with state and timers for each key. In batch mode it sees
    /// the records of both in the order of their timestamps.
    ///
    /// This one joins the records of two streams by key, however far they are from each other in time: what has come from
    /// one stream is kept until the other stream has brought the partner. An hour later it is forgotten, and said to have
    /// found nobody.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use flott::{prelude::*, testing::TestHarness};
    /// type Order = (u32, String);
    /// type Payment = (u32, f64);
    ///
    /// #[derive(Clone)]
    /// struct MatchPayments {
    ///     order: ValueState<Order>,
    ///     payment: ValueState<Payment>,
    ///     unpaid: OutputTag<Order>,
    /// }
    ///
    /// impl KeyedCoProcessFunction<u32, Order, Payment> for MatchPayments {
    ///     type Out = String;
    ///
    ///     fn open(&mut self, context: &mut OpenContext<'_, u32>) -> Result<(), BoxError> {
    ///         self.order = context.value("order")?;
    ///         self.payment = context.value("payment")?;
    ///         Ok(())
    ///     }
    ///
    ///     fn process_left(&mut self, order: Order, ctx: &mut KeyedContext<'_, u32, String>) -> Result<(), BoxError> {
    ///         match self.payment.take(ctx) {
    ///             Some((_, amount)) => ctx.emit(format!("{} for {amount}", order.1)),
    ///             None => {
    ///                 let ordered = ctx.timestamp().ok_or("orders need timestamps")?;
    ///                 ctx.register_event_time_timer(ordered + Duration::from_secs(3_600));
    ///                 self.order.set(ctx, order);
    ///             }
    ///         }
    ///         Ok(())
    ///     }
    ///
    ///     fn process_right(&mut self, payment: Payment, ctx: &mut KeyedContext<'_, u32, String>) -> Result<(), BoxError> {
    ///         match self.order.take(ctx) {
    ///             Some((_, what)) => ctx.emit(format!("{what} for {}", payment.1)),
    ///             None => {
    ///                 let paid = ctx.timestamp().ok_or("payments need timestamps")?;
    ///                 ctx.register_event_time_timer(paid + Duration::from_secs(3_600));
    ///                 self.payment.set(ctx, payment);
    ///             }
    ///         }
    ///         Ok(())
    ///     }
    ///
    ///     fn on_timer(&mut self, _: Timestamp, ctx: &mut OnTimerContext<'_, u32, String>) -> Result<(), BoxError> {
    ///         self.payment.clear(ctx);
    ///         if let Some(order) = self.order.take(ctx) {
    ///             ctx.output(&self.unpaid, order);
    ///         }
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let harness = TestHarness::new();
    /// let (orders, payments) = (harness.input::<Order>(), harness.input::<Payment>());
    /// let unpaid = OutputTag::new("unpaid");
    /// let function =
    ///     MatchPayments { order: ValueState::default(), payment: ValueState::default(), unpaid: unpaid.clone() };
    /// let paid = orders
    ///     .stream()
    ///     .connect(payments.stream())
    ///     .key_by(|(order, _)| *order, |(order, _)| *order)
    ///     .process(function);
    /// let (paid, unpaid) = (harness.output(&paid), harness.output(&paid.side_output(&unpaid)));
    ///
    /// orders.push_at((1, "a lamp".to_owned()), 1_000);
    /// orders.push_at((2, "a table".to_owned()), 2_000);
    /// payments.push_at((3, 9.5), 2_000);
    /// payments.push_at((1, 20.0), 3_000);
    /// orders.push_at((3, "a cup".to_owned()), 4_000);
    /// assert_eq!(paid.records(), ["a lamp for 20", "a cup for 9.5"]);
    /// orders.watermark(4_000_000);
    /// payments.watermark(4_000_000);
    /// assert_eq!(unpaid.records(), [(2, "a table".to_owned())]);
    /// ```
    pub fn process<F>(&self, function: F) -> SingleOutputStream<F::Out>
    where
        F: KeyedCoProcessFunction<L::Key, A, B>,
    {
        let selectors = (self.left.selector.clone(), self.right.selector.clone());
        two_inputs("Co-Keyed Process", &self.left.stream, &self.right.stream, move |context, next| {
            let operator = KeyedCoProcess::new(context.clone(), selectors.clone(), function.clone(), next)?;
            Ok(co_in_time_order(&context, operator))
        })
    }
}
