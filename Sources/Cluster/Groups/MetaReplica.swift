internal import Encoding
internal import Platform
internal import Raft
internal import Replication

/// This node's replica of the meta group: who is a member and who is to hold what. Its state is
/// small and is written whole to `cluster/state`: its image's bytes, the index that it stands at,
/// and a checksum.
final class MetaReplica: Sendable {
    static let path = DiskPath("cluster") / "state"

    private struct State {
        var cluster = ClusterState()
        var appliedIndex: UInt64 = 0
        /// Of what is on disk.
        var durableIndex: UInt64 = 0
        var isChanged = false
    }

    private let state: Monitor<State>
    private let disk: any Disk
    /// Called after a change, on the apply thread.
    private let onChange: @Sendable () -> Void

    /// Reads the file, if there is one. Errors: of the disk, and for a file that is no state.
    init(disk: any Disk, onChange: @escaping @Sendable () -> Void) throws {
        self.disk = disk
        self.onChange = onChange
        var state = State()
        if disk.exists(MetaReplica.path) {
            let (cluster, index) = try MetaReplica.decode(try disk.readAll(MetaReplica.path))
            state.cluster = cluster
            state.appliedIndex = index
            state.durableIndex = index
        }
        self.state = Monitor(state)
    }

    var cluster: ClusterState { state.withLock { $0.cluster } }

    var appliedIndex: UInt64 { state.withLock { $0.appliedIndex } }

    var durableIndex: UInt64 { state.withLock { $0.durableIndex } }

    /// Applies an entry. Errors: `ClusterError` when this binary is too old to go on. What no
    /// version wrote is applied as nothing, on every replica.
    func apply(index: UInt64, payload: [UInt8]) throws(ClusterError) -> ClusterOutcome {
        var command: ClusterCommand?
        do {
            command = try ClusterCommand(decoding: payload)
        } catch .corrupt {
            command = nil
        }
        let outcome = state.update { state -> ClusterOutcome in
            guard index > state.appliedIndex else { return .duplicate }
            state.appliedIndex = index
            state.isChanged = true
            guard let command else { return .refused(.badCommand) }
            return state.cluster.apply(index: index, command)
        }
        onChange()
        return outcome
    }

    func note(progress index: UInt64) {
        state.update { state in
            if index > state.appliedIndex {
                state.appliedIndex = index
                state.isChanged = true
            }
        }
    }

    /// Writes the state when it has changed; the index that is durable now.
    func persist() throws(DiskError) -> UInt64 {
        let (wanted, bytes) = state.withLock { state -> (UInt64, [UInt8]?) in
            (state.appliedIndex, state.isChanged ? MetaReplica.encode(state) : nil)
        }
        if let bytes { try write(bytes, wanted) }
        return durableIndex
    }

    /// The bytes of the file, for a replica that the log can not bring up to date, and where they
    /// stand.
    var image: (bytes: [UInt8], index: UInt64) {
        state.withLock { (MetaReplica.encode($0), $0.appliedIndex) }
    }

    /// Puts another replica's image in place of all there is, durably.
    func install(_ bytes: [UInt8]) throws {
        let (cluster, index) = try MetaReplica.decode(bytes)
        try write(bytes, index)
        state.update { state in
            state.cluster = cluster
            state.appliedIndex = index
            state.isChanged = false
        }
        onChange()
    }

    private func write(_ bytes: [UInt8], _ index: UInt64) throws(DiskError) {
        try disk.makeDirectoriesDurably(DiskPath("cluster"))
        try disk.replaceDurably(MetaReplica.path, with: bytes)
        state.update { state in
            state.durableIndex = max(state.durableIndex, index)
            if state.appliedIndex == index { state.isChanged = false }
        }
    }

    private static func encode(_ state: State) -> [UInt8] {
        var writer = ByteWriter()
        writer.u64(state.appliedIndex)
        writer.raw(state.cluster.image())
        writer.u32(CRC32C.checksum(of: writer.bytes))
        return writer.bytes
    }

    private static func decode(_ bytes: [UInt8]) throws -> (ClusterState, UInt64) {
        guard bytes.count > 12 else { throw EncodingError.corrupt(what: "state", offset: 0) }
        var reader = ByteReader(bytes)
        let index = try reader.u64()
        let image = try reader.raw(bytes.count - 12)
        guard try reader.u32() == CRC32C.checksum(of: bytes[..<(bytes.count - 4)]) else {
            throw EncodingError.corrupt(what: "state checksum", offset: 0)
        }
        return (try ClusterState(image: image), index)
    }
}
