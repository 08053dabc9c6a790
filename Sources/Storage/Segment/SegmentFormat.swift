internal import Encoding
internal import Platform

/// What all files of this room share: magic numbers, versions, and blocks that end in a CRC-32C.
/// docs/format/metric-segment.md, manifest.md and checkpoint.md have the layouts.
enum SegmentFormat {
    static let metricMagic: UInt32 = 0x4D56_5256  // "VRVM"
    static let manifestMagic: UInt32 = 0x4656_5256  // "VRVF"
    static let checkpointMagic: UInt32 = 0x4356_5256  // "VRVC"
    static let metricVersion: UInt32 = 1
    static let manifestVersion: UInt32 = 2
    /// Of a manifest without deletions of series or lines, which older readers know.
    static let manifestVersionPlain: UInt32 = 1
    static let checkpointVersion: UInt32 = 2

    static let headerBytes = 16
    static let trailerBytes = 32
    static let checksumBytes = 4

    /// Series per page of the directory.
    static let pageSeries = 128

    /// Appends the checksum of what the writer holds from `start` on.
    static func seal(_ writer: inout ByteWriter, from start: Int) {
        writer.u32(CRC32C.checksum(of: writer.bytes[start...]))
    }

    /// The bytes of a block without its checksum, which is verified. `offset` and `what` are for
    /// the error.
    static func open(
        _ block: ArraySlice<UInt8>, file: String, what: String, offset: Int
    ) throws(StorageError) -> ArraySlice<UInt8> {
        guard block.count >= checksumBytes else {
            throw .corrupt(file: file, what: "\(what) (too short)", offset: offset)
        }
        let content = block.dropLast(checksumBytes)
        var stored: UInt32 = 0
        for (index, byte) in block.suffix(checksumBytes).enumerated() {
            stored |= UInt32(byte) << UInt32(8 * index)
        }
        guard CRC32C.checksum(of: content) == stored else {
            throw .corrupt(file: file, what: "\(what) (checksum)", offset: offset)
        }
        return content
    }

    /// A whole file that is one block: magic, version, content, checksum.
    static func frame(magic: UInt32, version: UInt32, _ content: [UInt8]) -> [UInt8] {
        var writer = ByteWriter(reserving: content.count + 12)
        writer.u32(magic)
        writer.u32(version)
        writer.raw(content)
        seal(&writer, from: 0)
        return writer.bytes
    }

    /// The inverse of `frame`: the version is looked at before the checksum, because a later one
    /// may have another.
    static func unframe(
        _ bytes: [UInt8], magic: UInt32, versionMax: UInt32, file: String, what: String
    ) throws(StorageError) -> (version: UInt32, content: ArraySlice<UInt8>) {
        let version: UInt32
        do {
            var reader = ByteReader(bytes)
            guard try reader.u32() == magic else {
                throw StorageError.corrupt(file: file, what: "\(what) (magic)", offset: 0)
            }
            version = try reader.u32()
            guard version <= versionMax else {
                throw StorageError.newerFormat(
                    file: file, version: Int(version), versionMax: Int(versionMax))
            }
        } catch let error as StorageError {
            throw error
        } catch {
            throw .corrupt(file: file, what: "\(what) (too short)", offset: 0)
        }
        return (version, try open(bytes[...], file: file, what: what, offset: 0).dropFirst(8))
    }
}

/// Turns the disk's errors into this room's.
func onDisk<Result>(_ body: () throws(DiskError) -> Result) throws(StorageError) -> Result {
    do { return try body() } catch { throw .disk(error) }
}

/// Turns a reader's errors into `corrupt`.
func parsing<Result>(
    _ file: String, _ what: String, offset: Int, _ body: () throws -> Result
) throws(StorageError) -> Result {
    do {
        return try body()
    } catch let error as StorageError {
        throw error
    } catch {
        throw .corrupt(file: file, what: "\(what): \(error)", offset: offset)
    }
}
