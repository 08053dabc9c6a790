import Encoding
import Raft
import Testing

@testable import Replication

@Suite struct GroupMessageTests {
    private let sender = NodeID(1)
    private let receiver = NodeID(2)

    private func message(_ group: UInt32, payloads: [[UInt8]]) -> GroupMessage {
        let descriptors = payloads.enumerated().map { number, payload in
            payload.isEmpty
                ? EntryDescriptor.none
                : EntryDescriptor(
                    origin: 1, sequence: UInt64(number + 1), byteCount: UInt32(payload.count),
                    checksum: CRC32C.checksum(of: payload))
        }
        return GroupMessage(
            RaftMessage(
                from: sender, to: receiver, body: [UInt8(group)], firstIndex: 7,
                descriptors: descriptors, needsImage: false),
            group: GroupID(group), payloads: payloads)
    }

    private func parts(_ messages: [GroupMessage]) -> [[UInt8]] {
        messages.flatMap { [$0.head] + $0.payloads }
    }

    private func read(_ parts: [[UInt8]]) -> (messages: [ReceivedMessage], isWhole: Bool) {
        ReceivedMessage.all(in: parts, from: sender, to: receiver)
    }

    @Test func messagesOfManyGroupsTravelTogether() {
        let sent = [
            message(1, payloads: []), message(2, payloads: [[1, 2], [], [3]]),
            message(1, payloads: [[4]]),
        ]
        let found = read(parts(sent))
        #expect(found.isWhole)
        #expect(found.messages.map(\.group.number) == [1, 2, 1])
        #expect(found.messages.map { $0.payloads.map(\.bytes) } == sent.map(\.payloads))
    }

    @Test func whatStandsBeforeDamageIsTaken() {
        let sent = (1...3).map { message($0, payloads: [[UInt8($0)]]) }
        var damaged = parts(sent)
        damaged[3] = [9]
        let found = read(damaged)
        #expect(!found.isWhole)
        #expect(found.messages.map(\.group.number) == [1])
    }

    @Test func aMessageThatWantsMorePayloadsThanThereAreIsDamage() {
        var cut = parts([message(1, payloads: []), message(2, payloads: [[1], [2]])])
        cut.removeLast()
        let found = read(cut)
        #expect(!found.isWhole)
        #expect(found.messages.map(\.group.number) == [1])
        #expect(!read([]).isWhole)
        #expect(!read([[1, 2]]).isWhole)
    }
}
