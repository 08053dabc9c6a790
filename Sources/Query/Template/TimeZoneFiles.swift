internal import Synchronization

/// The zones that the system knows, for functions of templates that name one. The process says at its
/// start how their files are read (`readFiles`); without that, and for names without a file, there is none.
package enum TimeZoneFiles {
    private struct State {
        var read: (@Sendable (String) -> [UInt8]?)?
        /// By name; nil for names that are none.
        var known: [String: TimeZoneRules?] = [:]
    }

    private static let state = Mutex(State())
    /// Names that are remembered.
    private static let countMax = 1_024

    /// `read`: the bytes of the file of a zone, nil when there is none. Names are checked before.
    package static func readFiles(by read: @escaping @Sendable (String) -> [UInt8]?) {
        state.withLock { $0 = State(read: read) }
    }

    /// `Europe/Berlin`
    static func rules(named name: String) -> TimeZoneRules? {
        guard isPlain(name) else { return nil }
        return state.withLock { state in
            if let known = state.known[name] { return known }
            let rules = state.read?(name).flatMap(TimeZoneRules.init)
            if state.known.count >= countMax { state.known = [:] }
            state.known[name] = rules
            return rules
        }
    }

    /// Whether it stays within the folder of these files.
    private static func isPlain(_ name: String) -> Bool {
        !name.isEmpty && name.utf8.count <= 64 && !name.contains("..") && !name.hasPrefix("/")
            && name.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
                default: "/_+-".utf8.contains(byte)
                }
            }
    }
}
