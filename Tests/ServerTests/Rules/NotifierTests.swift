import Foundation
import Model
import Platform
import Server
import Testing

/// What Alertmanagers are told, and when.
@Suite struct NotifierTests {
    private func pass(
        _ minutes: Int, _ value: Double, _ world: RuleWorld, _ service: RuleService
    )
        async
    {
        for _ in 0..<minutes {
            world.put("a", value)
            await world.pass(minutes: 1, service)
        }
    }

    @Test func alertsAreSentAgainAndTheirEndIsTold() async throws {
        let world = RuleWorld()
        let text = RuleServiceTests.alert(hold: "1m")
        let service = world.service(try world.configuration(text, resendSeconds: 150))
        await pass(2, 2, world, service)
        await pass(3, 2, world, service)
        await pass(2, 0, world, service)
        await service.stop()
        let alerts = try world.carrier.bodies.flatMap { body in
            try JSONSerialization.jsonObject(with: Data(body.utf8)) as? [[String: Any]] ?? []
        }
        // Firing, once more after the resend delay, and its end.
        try #require(alerts.count == 3)
        let labels = try #require(alerts.first?["labels"] as? [String: String])
        #expect(labels == ["alertname": "High", "severity": "page", "site": "north"])
        #expect(alerts.first?["annotations"] as? [String: String] == ["summary": "too high"])
        #expect(
            alerts.first?["generatorURL"] as? String
                == "http://varve/graph?g0.expr=a+%3E+1&g0.tab=1")
        let times = try alerts.map { alert in
            try ["startsAt", "endsAt"].map { key in
                try #require(TimeText.parse(alert[key] as? String ?? "")?.nanos)
            }
        }
        #expect(times[0][0] == times[1][0] && times[1][0] == times[2][0])
        // Four times the longer of interval and resend delay.
        #expect(times[0][1] - times[0][0] == 600_000_000_000)
        #expect(times[2][1] < times[1][1])
    }

    @Test func whatCannotBeSentIsCountedAndSentLater() async throws {
        let world = RuleWorld()
        world.carrier.setAway(true)
        let text = RuleServiceTests.alert(hold: "0s")
        let service = world.service(try world.configuration(text, resendSeconds: 60))
        await pass(1, 2, world, service)
        while world.figure("varve_notifications_dropped_total") < 1 { await Task.yield() }
        #expect(world.figure("varve_notifications_errors_total") == 1)
        world.carrier.setAway(false)
        await pass(3, 2, world, service)
        await service.stop()
        #expect(!world.carrier.bodies.isEmpty)
    }
}
