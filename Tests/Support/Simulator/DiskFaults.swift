internal import Platform

/// What goes wrong on a `SimulatedDisk`. Set before or between calls.
package struct DiskFaults: Sendable {
    /// A call that changes something.
    package enum Call: Hashable, Sendable {
        case create, write, sync, preallocate, truncate, rename, link, remove
        case makeDirectory, syncDirectory
    }

    /// How much of what was not synced a power cut leaves.
    package enum Tear: Hashable, Sendable {
        /// Nothing of it.
        case dropAll
        /// All of it.
        case keepAll
        /// Writes in order up to some byte of some write.
        case prefix
        /// Any subset of 512-byte sectors.
        case sectors
        /// Any subset of pages, in which a page may also be torn at any byte.
        case pages
    }

    /// The power goes during the call with this number (from 1, as `SimulatedDisk.callCount`
    /// counts): it and all later calls fail until `powerCycle`.
    package var powerCutAtCall: Int?
    /// Calls with these numbers fail with the errno, and have no effect.
    package var failures: [Int: Int32] = [:]
    /// From this call number on every sync fails and its dirty data is dropped.
    package var syncsFailFromCall: Int?
    /// Syncs of files say that they worked and did nothing: a cache that lies.
    package var syncsLie = false
    /// Bytes of all files together, preallocated ones included; nil: no limit.
    package var capacityBytes: Int?
    /// What a power cut does.
    package var tear = Tear.sectors

    package init() {}
}
