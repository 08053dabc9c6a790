/// The number of a node among its cluster's. It is given once: a node that lost its data comes
/// back under another.
package struct PeerID: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// Never 0: on the wire that is a guest, who is no member yet.
    package let number: UInt64

    /// `number` must not be 0.
    package init(_ number: UInt64) {
        precondition(number != 0, "node 0 is no node")
        self.number = number
    }

    package static func < (a: PeerID, b: PeerID) -> Bool { a.number < b.number }

    /// `node 7`.
    package var description: String { "node \(number)" }
}
