/// What goes wrong on the way from one node to another, in this direction. Probabilities are per
/// frame, 0…1.
package struct LinkFaults: Hashable, Sendable {
    /// A frame that is lost breaks the connection, as TCP has it: what is in flight is lost too,
    /// and both sides see the end.
    package var dropProbability = 0.0
    /// On top of the network's delay.
    package var addedDelayNanos: Int64 = 0
    /// A frame arrives twice. Harsher than TCP: for protocols that must bear it.
    package var duplicateProbability = 0.0
    /// A frame may overtake others. Harsher than TCP.
    package var reorderProbability = 0.0

    package init() {}
}
