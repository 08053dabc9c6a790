internal import Cluster
internal import Model
internal import Platform

/// Questions about what exactly one node does: it is asked where it is another.
struct DutyRelay: Sendable {
    /// Marks a call that another node passed on, which is answered here whatever happens.
    private static let passedOn = "x-varve-passed-on"
    private static let answerBytesMax = 256 << 20
    private static let secondsMax: Int64 = 10

    /// Address of HTTP of the node with the duty; nil when it is this one or nobody knows.
    let keeper: @Sendable () -> String?

    /// The other node's answer where there is one that answers, else what is known here.
    func answer(
        _ call: HTTPCall, _ body: @Sendable (HTTPCall) throws -> HTTPAnswer
    ) async throws -> HTTPAnswer {
        guard call.headers[Self.passedOn] == nil, let address = keeper() else {
            return try body(call)
        }
        let query = zip(call.parameters.names, call.parameters.values)
            .map { "\(FormParameters.encoded($0))=\(FormParameters.encoded($1))" }
        let url = "http://\(address)\(call.path)?\(query.joined(separator: "&"))"
        do throws(NetworkError) {
            let answer = try await HTTPClient().get(
                url, headers: [(Self.passedOn, "1"), ("X-Scope-OrgID", call.tenant.name)],
                silenceSecondsMax: Self.secondsMax, bodyBytesMax: Self.answerBytesMax)
            return .json(answer.body, status: answer.status)
        } catch {
            return try body(call)
        }
    }

    /// Address of HTTP of the node with the duty; nil when that is `node` or nobody knows.
    static func keeper(beside node: Node) -> String? {
        guard case .elsewhere(let address) = node.duty else { return nil }
        return address
    }
}
