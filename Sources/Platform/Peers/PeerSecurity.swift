/// How the connections between nodes are kept from strangers.
package enum PeerSecurity: Hashable, Sendable {
    /// No encryption and no proof: whoever reaches the port is believed.
    case plain

    /// Whether `plain` needs no word of the person who runs the node: nobody else reaches the
    /// address that it listens on.
    package static func plainIsAllowed(listen: Endpoint) -> Bool {
        switch listen {
        case .unix: return true
        case .inet(let host, _):
            if host == "::1" || host == "localhost" { return true }
            let numbers = host.split(separator: ".", omittingEmptySubsequences: false)
            return numbers.count == 4 && numbers[0] == "127"
                && numbers.allSatisfy { UInt8($0) != nil }
        }
    }

    /// What to tell of an error if it is about a certificate; else nil.
    static func certificateTrouble(_ error: any Error) -> String? { nil }
}
