/// Carries out the first aggregation of a query where its data is: the node that holds series or
/// lines sends partial results, a few numbers per group and step, instead of all of them. What is
/// to be done comes as a plan; the bytes of plans and of partial results are the query engine's
/// matter, nobody who carries them looks inside. Used by one thread, for one query.
package protocol Reducer: AnyObject {
    /// Takes the series in; returns those that it can not reduce, which go to who asked as they
    /// are. Throws `QueryLimitError`.
    func add(_ batch: [SeriesData]) throws -> [SeriesData]

    /// Takes the lines in. False: more would change nothing. Throws `QueryLimitError`.
    func add(_ data: LineData) throws -> Bool

    /// Hands over the partial results, in parts of about a MiB, ends with it.
    func finish(_ send: ([UInt8]) throws -> Void) throws
}

/// Makes reducers of plans that come from other nodes.
package protocol ReducerSource: Sendable {
    /// A reducer that takes series (`metrics`) or lines (`logs`). Nil for a plan that it does not
    /// know how to carry out on those, of a newer version say: everything is then sent as it is.
    /// `plan` may be any bytes.
    func reducer(
        of plan: [UInt8], for signal: SignalKind, budget: QueryBudget
    ) -> (any Reducer)?
}
