/// An open file of a `Disk`. Reads and writes say where, so that threads share it without a
/// position between them; who writes the same bytes from two threads gets either. Closed when
/// the last reference goes; `close` is for those who want its error or its moment.
package protocol DiskFile: AnyObject, Sendable {
    /// Up to `count` bytes from `offset`; fewer only where the file ends.
    func read(at offset: Int, count: Int) throws(DiskError) -> [UInt8]

    /// Writes all of `bytes`, or throws; after an error any part may have been written. The file
    /// grows as needed. Durable only after `sync`.
    func write(_ bytes: Span<UInt8>, at offset: Int) throws(DiskError)

    /// The length in bytes.
    func size() throws(DiskError) -> Int

    /// Takes space for [0, byteCount) from the file system, so that writing there can not find
    /// the disk full; grows the file with zeros to at least `byteCount`.
    func preallocate(_ byteCount: Int) throws(DiskError)

    /// Sets the length: cuts, or grows with zeros.
    func truncate(to byteCount: Int) throws(DiskError)

    /// Makes all that was written before durable (fdatasync). After `DiskError.syncFailed` every
    /// later `write` and `sync` of this file throws the same: there is no retry.
    func sync() throws(DiskError)

    /// Writes of whole pages of 4 KiB at multiples of it need not be kept in memory from now on: each
    /// is followed by a `sync` and is not read soon. For a single writer. A hint.
    func bypassCache()

    /// No other call may be in flight; later ones throw `closed`. Twice is no error.
    func close() throws(DiskError)
}

extension DiskFile {
    /// Nothing, unless a disk knows how.
    package func bypassCache() {}

    /// `write` of a whole array.
    package func write(_ bytes: [UInt8], at offset: Int) throws(DiskError) {
        try write(bytes.span, at: offset)
    }

    /// Writes at the end and returns where that was. For a single writer per file.
    @discardableResult
    package func append(_ bytes: [UInt8]) throws(DiskError) -> Int {
        let offset = try size()
        try write(bytes.span, at: offset)
        return offset
    }
}
