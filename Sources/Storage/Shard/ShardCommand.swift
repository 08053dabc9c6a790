internal import Encoding
package import Model

/// What an entry of a shard's log says. Layout in docs/format/shard-command.md.
///
/// The leader decides when and puts all it used for that into the command, so that applying it is
/// a function of the state and the command alone.
package enum ShardCommand: Sendable, Equatable {
    /// Samples, increments and lines.
    case write(WriteBatch)
    /// Freezes the memtables and turns them into segments. `at`: the leader's clock, by which idle
    /// series are told.
    case seal(at: Timestamp)
    /// Merges the named segments of one kind, neighbours in the manifest, into one of `level`;
    /// samples before `dropBefore` are left out.
    case compact(signal: SignalKind, inputs: [String], level: UInt8, dropBefore: Timestamp)
    /// Drops whole segments of the kind that end before the time.
    case expire(signal: SignalKind, before: Timestamp)
    /// Forgets everything of a tenant that was written before this entry.
    case deleteTenant(Tenant)
    /// Other limits from here on.
    case limit(ShardLimits)
    /// Forgets what the deletion says. `at`: the leader's clock, for a seal: what is in memory and
    /// deleted is sealed first.
    case delete(Deletion, at: Timestamp)
    /// Nothing is left in segments of what was deleted by entries up to `through`.
    case forgetDeletions(through: UInt64)

    /// What a reader of version 1 does not know is written as 2, so that it stops.
    package static let formatVersion: UInt8 = 2
    private static let firstVersion: UInt8 = 1
    private static let headerBytes = 2

    /// A write whose batch is encoded already: one copy of the bytes, no decoding.
    package static func payload(ofEncodedBatch bytes: [UInt8]) -> [UInt8] {
        var writer = ByteWriter(reserving: bytes.count + headerBytes)
        writer.u8(firstVersion)
        writer.u8(0)
        writer.raw(bytes)
        return writer.bytes
    }

    /// The payload of an entry.
    package func encoded() -> [UInt8] {
        var writer = ByteWriter()
        switch self {
        case .delete, .forgetDeletions: writer.u8(ShardCommand.formatVersion)
        default: writer.u8(ShardCommand.firstVersion)
        }
        switch self {
        case .write(let batch): return ShardCommand.payload(ofEncodedBatch: batch.encoded())
        case .seal(let at):
            writer.u8(1)
            writer.i64(at.nanos)
        case .compact(let signal, let inputs, let level, let dropBefore):
            writer.u8(2)
            writer.u8(signal.rawValue)
            writer.u8(level)
            writer.i64(dropBefore.nanos)
            writer.varint(UInt64(inputs.count))
            for input in inputs { writer.lengthPrefixed(Array(input.utf8)) }
        case .expire(let signal, let before):
            writer.u8(3)
            writer.u8(signal.rawValue)
            writer.i64(before.nanos)
        case .deleteTenant(let tenant):
            writer.u8(4)
            writer.lengthPrefixed(Array(tenant.name.utf8))
        case .limit(let limits):
            writer.u8(5)
            limits.write(to: &writer)
        case .delete(let deletion, let at):
            writer.u8(6)
            writer.i64(at.nanos)
            deletion.write(to: &writer)
        case .forgetDeletions(let index):
            writer.u8(7)
            writer.varint(index)
        }
        return writer.bytes
    }

    /// Throws `newerFormat` for what a later version wrote and `corrupt` for what none did.
    package init(decoding payload: [UInt8]) throws(StorageError) {
        var reader = ByteReader(payload)
        do {
            self = try ShardCommand.read(&reader, payload)
        } catch let error as StorageError {
            throw error
        } catch ModelError.newerBatch(let version) {
            throw .newerFormat(
                file: "log entry", version: Int(version),
                versionMax: Int(WriteBatch.formatVersion))
        } catch {
            throw .corrupt(file: "log entry", what: "\(error)", offset: reader.offset)
        }
    }

    private static func read(
        _ reader: inout ByteReader, _ payload: [UInt8]
    ) throws -> ShardCommand {
        let version = try reader.u8()
        guard version <= formatVersion else {
            throw StorageError.newerFormat(
                file: "log entry", version: Int(version), versionMax: Int(formatVersion))
        }
        let command: ShardCommand
        switch try reader.u8() {
        case 0: return .write(try WriteBatch(decoding: Array(payload[headerBytes...])))
        case 1: command = .seal(at: Timestamp(nanos: try reader.i64()))
        case 2:
            let signal = try readSignal(&reader)
            let level = try reader.u8()
            let dropBefore = Timestamp(nanos: try reader.i64())
            var inputs: [String] = []
            for _ in 0..<(try reader.count(limit: StorageLimits.compactionInputsMax)) {
                inputs.append(String(decoding: try reader.lengthPrefixed(), as: UTF8.self))
            }
            command = .compact(
                signal: signal, inputs: inputs, level: level, dropBefore: dropBefore)
        case 3:
            let signal = try readSignal(&reader)
            command = .expire(signal: signal, before: Timestamp(nanos: try reader.i64()))
        case 4:
            let name = String(decoding: try reader.lengthPrefixed(), as: UTF8.self)
            guard let tenant = Tenant(name) else {
                throw EncodingError.corrupt(what: "tenant", offset: reader.offset)
            }
            command = .deleteTenant(tenant)
        case 5: command = .limit(try ShardLimits.read(&reader))
        case 6:
            let time = Timestamp(nanos: try reader.i64())
            command = .delete(try Deletion(from: &reader), at: time)
        case 7: command = .forgetDeletions(through: try reader.varint())
        default: throw EncodingError.corrupt(what: "command kind", offset: 1)
        }
        guard reader.isAtEnd else {
            throw EncodingError.corrupt(what: "bytes after the end", offset: reader.offset)
        }
        return command
    }

    private static func readSignal(_ reader: inout ByteReader) throws -> SignalKind {
        guard let signal = SignalKind(rawValue: try reader.u8()) else {
            throw EncodingError.corrupt(what: "signal", offset: reader.offset)
        }
        return signal
    }
}

/// What became of an applied entry. The same on every replica.
package enum ApplyOutcome: Sendable, Equatable {
    /// Done; what a limit refused is counted in the rejections.
    case applied([AppendReceipt.Rejection])
    /// The source's sequence was applied before, or the entry was: nothing was done.
    case duplicate
    /// Series or streams named by fingerprint alone that the shard does not hold: nothing was
    /// done, send the batch again with their labels.
    case unknownSeries([SeriesID])
}
