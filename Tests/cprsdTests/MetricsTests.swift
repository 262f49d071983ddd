import CPRSScheduler
import Testing
import cprsd

@Suite("the metrics page")
struct MetricsTests {
    @Test("a histogram's buckets are cumulative and end with the count")
    func histogram() {
        var histogram = Histogram(bounds: [0.5, 2])
        for seconds in [0.25, 1, 1, 9] { histogram.observe(.seconds(seconds)) }
        var page = PrometheusText()
        page.histogram("x_seconds", "Help.", histogram)
        #expect(
            page.text == """
                # HELP x_seconds Help.
                # TYPE x_seconds histogram
                x_seconds_bucket{le="0.5"} 1
                x_seconds_bucket{le="2"} 3
                x_seconds_bucket{le="+Inf"} 4
                x_seconds_sum 11.25
                x_seconds_count 4

                """)
    }

    @Test("labels are quoted and escaped")
    func labels() {
        var page = PrometheusText()
        page.gauge("x", "a\nb", 1, labels: [("name", "say \"hi\" \\ \n")])
        #expect(page.text == "# HELP x a\\nb\n# TYPE x gauge\nx{name=\"say \\\"hi\\\" \\\\ \\n\"} 1\n")
    }

    @Test(
        "a value of a log line is quoted where it could pass for something else",
        arguments: [
            ("plain-1.5/é照", "plain-1.5/é照"), ("", "\"\""), ("two words", "\"two words\""),
            ("x cprs.user=0", "\"x cprs.user=0\""), ("say \"hi\" \\", "\"say \\\"hi\\\" \\\\\""),
            ("a\nb\u{1B}[2J", "\"a\\u{a}b\\u{1b}[2J\""), ("\u{202E}", "\"\\u{202e}\""),
        ])
    func logValues(value: String, written: String) { #expect(LogValue.quoted(value) == written) }

    @Test("memory is read as the kernel writes it")
    func memory() {
        let memory = ProcessMemory(
            status: "Name:\tcprsd\nRssAnon:\t    1024 kB\nRssFile:\t   20 kB\nRssShmem:\t 0 kB\n")
        #expect(memory.anonymousBytes == 1 << 20)
        #expect(memory.fileBytes == 20480)
        #expect(ProcessMemory.current().anonymousBytes > 0)
    }
}
