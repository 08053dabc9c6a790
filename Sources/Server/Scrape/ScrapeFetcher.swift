package import Ingest
internal import Platform

/// What is asked of a target.
package struct ScrapeRequest: Sendable {
    package var url: String
    package var headers: [(name: String, value: String)]
    /// From the connection to the end of the body.
    package var timeoutNanos: Int64
    package var followsRedirects: Bool
    /// Of the body, decompressed; the sender's own limit or the store's.
    package var bodyBytesMax: Int
}

/// What brings an answer of a target.
package protocol ScrapeFetcher: Sendable {
    /// Returns when the body is there whole and decompressed, or after the timeout.
    func fetch(_ request: ScrapeRequest) async throws(ScrapeFailure) -> TargetScraper.Answer
}

/// The network.
struct HTTPScrapeFetcher: ScrapeFetcher {
    private static let redirectsMax = 10
    private static let redirects = [301, 302, 303, 307, 308]

    let time: any TimeSource

    func fetch(_ request: ScrapeRequest) async throws(ScrapeFailure) -> TargetScraper.Answer {
        let deadline = time.monotonicNanos() + request.timeoutNanos
        var request = request
        for _ in 0...Self.redirectsMax {
            let answer = try await ask(request, deadline: deadline)
            guard request.followsRedirects, Self.redirects.contains(answer.status),
                let location = answer.header("location")
            else { return try HTTPScrapeFetcher.content(of: answer, request) }
            try request.follow(location)
        }
        throw ScrapeFailure(.connection, "more than \(Self.redirectsMax) redirects")
    }

    private func ask(
        _ request: ScrapeRequest, deadline: Int64
    ) async throws(ScrapeFailure) -> HTTPClient.Answer {
        let left = deadline - time.monotonicNanos()
        let seconds = Double(request.timeoutNanos) / 1e9
        let timeout = ScrapeFailure(.timeout, "no whole answer within \(seconds) s")
        guard left > 0 else { throw timeout }
        do throws(NetworkError) {
            return try await HTTPClient().get(
                request.url, headers: request.headers.map { ($0.name, $0.value) },
                nanosMax: left, bodyBytesMax: request.bodyBytesMax)
        } catch {
            if case .tooLarge = error {
                throw ScrapeFailure(.bodyBytes, "a body of more than \(request.bodyBytesMax) bytes")
            }
            if time.monotonicNanos() >= deadline { throw timeout }
            throw ScrapeFailure(.connection, "\(error)")
        }
    }

    private static func content(
        of answer: HTTPClient.Answer, _ request: ScrapeRequest
    ) throws(ScrapeFailure) -> TargetScraper.Answer {
        guard answer.status == 200 else {
            throw ScrapeFailure(.status, "the target answered with status \(answer.status)")
        }
        let header = answer.header("content-encoding")
        guard let coding = ContentCoding(header: header) else {
            throw ScrapeFailure(
                .contentEncoding, "Content-Encoding \"\(header ?? "")\" was not asked for")
        }
        var limits = IngestLimits()
        limits.bodyBytesMax = request.bodyBytesMax
        limits.decodedBytesMax = request.bodyBytesMax
        do throws(IngestError) {
            return TargetScraper.Answer(
                contentType: answer.header("content-type"),
                body: try coding.decode(answer.body, limits: limits))
        } catch {
            if case .tooLarge = error {
                throw ScrapeFailure(.bodyBytes, "a body of more than \(request.bodyBytesMax) bytes")
            }
            throw ScrapeFailure(.contentEncoding, error.description)
        }
    }
}

extension ScrapeRequest {
    /// Goes where an answer points: an address, or a path on the same host. Another host is not
    /// told the credentials.
    mutating func follow(_ location: String) throws(ScrapeFailure) {
        let scheme = "http://"
        let authority = url.dropFirst(scheme.count).prefix { $0 != "/" && $0 != "?" }
        if location.hasPrefix("/") && !location.hasPrefix("//") {
            url = scheme + authority + location
            return
        }
        guard location.hasPrefix(scheme) else {
            throw ScrapeFailure(.connection, "a redirect to \"\(location)\", which is not http://")
        }
        let other = location.dropFirst(scheme.count).prefix { $0 != "/" && $0 != "?" }
        if other != authority { headers.removeAll { $0.name == "Authorization" } }
        url = location
    }
}
