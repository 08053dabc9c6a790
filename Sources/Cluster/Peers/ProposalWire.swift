internal import Encoding
internal import Model
package import Raft
internal import Storage

/// How a proposal travels to the node that leads its group, and what comes back.
package enum ProposalWire {
    /// Codes of `refused`.
    enum Code {
        static let notLeader: UInt8 = 1
        static let lost: UInt8 = 2
        static let overloaded: UInt8 = 3
        static let diskFull: UInt8 = 4
        static let unavailable: UInt8 = 5
        static let tooLarge: UInt8 = 6
    }

    package static func question(
        _ group: GroupID, _ payload: [UInt8], freesSpace: Bool
    ) -> [[UInt8]] {
        var head = ByteWriter()
        head.u32(group.number)
        head.u8(freesSpace ? 1 : 0)
        return [head.bytes, payload]
    }

    /// Nil for what no peer sends.
    package static func readQuestion(
        _ parts: [[UInt8]]
    ) -> (group: GroupID, payload: [UInt8], freesSpace: Bool)? {
        guard parts.count == 2 else { return nil }
        var head = ByteReader(parts[0])
        do {
            let group = GroupID(try head.u32())
            return (group, parts[1], try head.u8() == 1)
        } catch {
            return nil
        }
    }

    package static func answer(_ applied: AppliedEntry) -> [UInt8] {
        var writer = ByteWriter()
        writer.u64(applied.index)
        switch applied.outcome {
        case .shard(.applied(let rejections)):
            writer.u8(0)
            writer.varint(UInt64(rejections.count))
            for rejection in rejections {
                writer.lengthPrefixed(Array(rejection.reason.utf8))
                writer.varint(UInt64(rejection.itemCount))
                writer.lengthPrefixed(Array(rejection.example.utf8))
            }
        case .shard(.duplicate): writer.u8(1)
        case .shard(.unknownSeries(let ids)):
            writer.u8(2)
            writer.varint(UInt64(ids.count))
            for id in ids {
                writer.u64(id.high)
                writer.u64(id.low)
            }
        case .cluster(.done): writer.u8(3)
        case .cluster(.joined(let node)):
            writer.u8(4)
            writer.u64(node.number)
        case .cluster(.refused(let refusal)):
            writer.u8(5)
            writer.raw(Array(refusal.description.utf8))
        case .cluster(.duplicate): writer.u8(6)
        }
        return writer.bytes
    }

    /// Errors: `lost` for what no peer sends; a cluster's refusal is `refused(unavailable)`.
    package static func readAnswer(_ parts: [[UInt8]]) -> Result<AppliedEntry, ProposalFailure> {
        var reader = ByteReader(parts.first ?? [])
        do {
            let index = try reader.u64()
            let outcome: EntryOutcome
            switch try reader.u8() {
            case 0:
                var rejections: [AppendReceipt.Rejection] = []
                for _ in 0..<(try reader.count(limit: 1 << 20)) {
                    let reason = String(decoding: try reader.lengthPrefixed(), as: UTF8.self)
                    let itemCount = try reader.count(limit: ReadPart.countMax)
                    let example = String(decoding: try reader.lengthPrefixed(), as: UTF8.self)
                    rejections.append(
                        .init(reason: reason, itemCount: itemCount, example: example))
                }
                outcome = .shard(.applied(rejections))
            case 1: outcome = .shard(.duplicate)
            case 2:
                var ids: [SeriesID] = []
                for _ in 0..<(try reader.count(limit: 1 << 24)) {
                    ids.append(SeriesID(high: try reader.u64(), low: try reader.u64()))
                }
                outcome = .shard(.unknownSeries(ids))
            case 3: outcome = .cluster(.done)
            case 4:
                guard let node = NodeID(nonzero: try reader.u64()) else {
                    return .failure(.lost)
                }
                outcome = .cluster(.joined(node))
            case 5:
                let sentence = String(
                    decoding: try reader.raw(reader.remaining), as: UTF8.self)
                return .failure(.refused(.unavailable(detail: sentence)))
            case 6: outcome = .cluster(.duplicate)
            default: return .failure(.lost)
            }
            return .success(AppliedEntry(index: index, outcome: outcome))
        } catch {
            return .failure(.lost)
        }
    }

    package static func refusal(_ failure: ProposalFailure) -> (code: UInt8, detail: [UInt8]) {
        switch failure {
        case .notLeader(let leader):
            var writer = ByteWriter()
            writer.u64(leader?.number ?? 0)
            return (Code.notLeader, writer.bytes)
        case .lost: return (Code.lost, [])
        case .refused(.overloaded): return (Code.overloaded, [])
        case .refused(.diskFull(let detail)): return (Code.diskFull, Array(detail.utf8))
        case .refused(.unavailable(let detail)): return (Code.unavailable, Array(detail.utf8))
        case .refused(.tooLarge(_, let bytes, let bytesMax)):
            var writer = ByteWriter()
            writer.u64(UInt64(bytes))
            writer.u64(UInt64(bytesMax))
            return (Code.tooLarge, writer.bytes)
        }
    }

    package static func readRefusal(code: UInt8, _ detail: [UInt8]) -> ProposalFailure {
        var reader = ByteReader(detail)
        let text = String(decoding: detail, as: UTF8.self)
        do {
            switch code {
            case Code.notLeader: return .notLeader(NodeID(nonzero: try reader.u64()))
            case Code.overloaded: return .refused(.overloaded(retryAfterSeconds: 1))
            case Code.diskFull: return .refused(.diskFull(detail: text))
            case Code.unavailable: return .refused(.unavailable(detail: text))
            case Code.tooLarge:
                return .refused(
                    .tooLarge(
                        limit: "payload_bytes_max", bytes: Int(clamping: try reader.u64()),
                        bytesMax: Int(clamping: try reader.u64())))
            default: return .lost
            }
        } catch {
            return .lost
        }
    }
}
