internal import Encoding
internal import Model

/// Messages that belong together become one record: the lines of a stack trace, joined by line
/// feeds, and the pieces into which Docker cuts a long line, joined by nothing.
///
/// Belonging together is having one connection (over UDP: one sender's address), priority, host,
/// app and process. The record has the timestamp, the labels and the metadata of its first message.
/// It is written when the next one begins, when nothing came for `waitNanos`, when its connection
/// ends, at the stop, and when a bound is reached: never dropped. A record that passes the bound of
/// lines or of bytes is kept in parts with the marks of long lines.
///
/// What begins with no record under way begins one, whether the pattern matches or not. Messages
/// without a readable header (`varve_parse`) stand alone, and so do those that come in parts.
extension SyslogIntake {
    /// Joins `message` to its record or begins one. False when it is to be appended as it is.
    mutating func join(
        _ message: SyslogMessage, _ bytes: [UInt8], marks: Marks, arrival: Int64,
        connection: UInt64
    ) -> Bool {
        guard message.shape != .failed, !marks.isCut || !records.isEmpty else { return false }
        let joining = options.joining
        let text = message.text
        let isPiece = joining.joinsDockerPieces && text.count == SyslogJoining.dockerPieceBytes
        let key = recordKey(message, bytes, connection)
        let known = records.slot(of: key)
        if let slot = known {
            let goesOn = records[slot].awaitsPiece
            if goesOn || joining.start?.matches(in: bytes[text]) == false {
                // Counts what is wrong with it; its metadata is the first message's.
                _ = describe(message, bytes, arrival)
                counts.joined += 1
                makeRoom(in: slot, for: text.count, isLine: !goesOn)
                records.extend(
                    slot, bytes, text, isLine: !goesOn, awaitsPiece: isPiece, nanos: nowNanos)
                if marks.isCut || (joining.start == nil && !isPiece) {
                    finish(slot, isCut: marks.isCut)
                } else {
                    keepBounds(connection)
                }
                return true
            }
            write(slot)
        }
        guard !marks.isCut, joining.start != nil || isPiece, text.count < recordBytesMax else {
            if let slot = known { records.remove(slot) }
            return false
        }
        let timestamp = describe(message, bytes, arrival)
        let number = stream(message, bytes)
        let labels = streams.labels(number)
        let slot = known ?? records.insert(key, connection: connection)
        records.begin(slot, labels: labels, timestamp: timestamp, metadata: metadata)
        records.extend(slot, bytes, text, isLine: true, awaitsPiece: isPiece, nanos: nowNanos)
        keepBounds(connection)
        return true
    }

    /// Writes the record that a line which comes in parts would have gone on with, so that both
    /// stay in order.
    mutating func flushRecord(of message: SyslogMessage, _ bytes: [UInt8], connection: UInt64) {
        if let slot = records.slot(of: recordKey(message, bytes, connection)) { finish(slot) }
    }

    /// Writes what `connection` has under way.
    mutating func flushRecords(of connection: UInt64) {
        guard !records.isEmpty else { return }
        for slot in records.slots(of: connection) { finish(slot) }
    }

    /// Writes what is under way: nothing may come any more, or it is read by other options.
    package mutating func flushRecords() {
        while let slot = records.oldest { finish(slot) }
    }

    /// Writes the records that nothing came for since `waitNanos` before `nanos` (monotonic).
    package mutating func flushRecords(waitingSince nanos: Int64) {
        let limit = nanos - waitNanos
        while let slot = records.oldest, records[slot].grownNanos <= limit { finish(slot) }
    }

    /// How long a record waits for more, ns.
    var waitNanos: Int64 { options.joining.waitNanos }

    /// Records under way.
    package var recordCount: Int { records.count }

    private mutating func recordKey(
        _ message: SyslogMessage, _ bytes: [UInt8], _ connection: UInt64
    ) -> PendingRecords.Key {
        keyBytes.removeAll(keepingCapacity: true)
        keyBytes.append(message.priority)
        Varint.append(connection, to: &keyBytes)
        Varint.append(UInt64(message.host.count), to: &keyBytes)
        keyBytes.append(contentsOf: bytes[message.host])
        Varint.append(UInt64(message.app.count), to: &keyBytes)
        keyBytes.append(contentsOf: bytes[message.app])
        keyBytes.append(contentsOf: bytes[message.process])
        let (high, low) = StableHash.hash128(keyBytes, seed: seed)
        return PendingRecords.Key(high: high, low: low)
    }

    /// Bytes of one record: at most those of a line, and those that all of them may have.
    private var recordBytesMax: Int {
        min(options.lineBytesMax, options.joining.recordBytesMax, options.joining.bytesMax)
    }

    /// Writes the record so far as a part when the next text would pass a bound.
    private mutating func makeRoom(in slot: Int, for byteCount: Int, isLine: Bool) {
        let record = records[slot]
        if isLine, record.lineCount >= options.joining.linesMax {
            counts.recordsOfTooManyLines += 1
        } else if record.text.count + (isLine ? 1 : 0) + byteCount > recordBytesMax {
            counts.recordsOfTooManyBytes += 1
        } else {
            return
        }
        write(slot, isLast: false)
        records.nextPart(slot)
    }

    /// Writes the records that have waited longest while there are too many.
    private mutating func keepBounds(_ connection: UInt64) {
        let joining = options.joining
        if records.count > joining.recordsMax, let slot = records.oldest {
            counts.recordsTooMany += 1
            finish(slot)
        }
        // One record alone is bounded by `makeRoom`.
        while records.bytes > joining.bytesMax, records.count > 1, let slot = records.oldest {
            counts.recordsTooLarge += 1
            finish(slot)
        }
        let owned = records.slots(of: connection)
        if owned.count > joining.connectionRecordsMax, let slot = owned.first {
            counts.recordsTooManyOfConnection += 1
            finish(slot)
        }
    }

    private mutating func finish(_ slot: Int, isCut: Bool = false) {
        write(slot, isCut: isCut)
        records.remove(slot)
    }

    private mutating func write(_ slot: Int, isLast: Bool = true, isCut: Bool = false) {
        let record = records[slot]
        metadata.removeAll(keepingCapacity: true)
        metadata.append(contentsOf: record.metadata)
        let isPart = record.partCount > 0 || !isLast
        let marks = Marks(
            part: isPart ? record.partCount + 1 : 0, isLast: isLast, isCut: isCut)
        if isPart { counts.parts += 1 }
        append(
            record.text, 0..<record.text.count, streams.number(of: record.labels),
            record.timestamp, marks)
    }
}
