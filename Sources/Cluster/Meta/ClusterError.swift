/// Why bytes of the meta group can not be read.
package enum ClusterError: Error, Hashable, Sendable, CustomStringConvertible {
    /// A later version wrote it. `what`: "cluster command" or "cluster image".
    case newerFormat(what: String, version: Int, versionMax: Int)
    /// No version wrote it.
    case corrupt(what: String, reason: String, offset: Int)

    package var description: String {
        switch self {
        case .newerFormat(let what, let version, let versionMax):
            "the \(what) has format \(version), this varve reads up to \(versionMax): install a "
                + "newer varve"
        case .corrupt(let what, let reason, let offset):
            "the \(what) is damaged at byte \(offset): \(reason)"
        }
    }
}
