import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.Future;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Sends recordings to scribed through Kafka and prints their text as it appears.
 *
 * <pre>
 * java -cp 'kafka-clients.jar:jackson-databind.jar:…' Send.java BROKERS OWNER RECORDING…
 * </pre>
 *
 * A recording is named by a file:// URL that the daemons can read (see {@code media.inbox}), or is a
 * local file of at most 512 KiB, which then travels inside the event. Topics have their usual names
 * unless {@code -Duploads=…}, {@code -Dstates=…} and {@code -Dtranscripts=…} say otherwise.
 */
public class Send {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Set<String> DONE =
            Set.of("completed", "completed_partially", "processing_fail", "cancelled");

    public static void main(String[] arguments) throws Exception {
        if (arguments.length < 3) {
            System.err.println("usage: Send BROKERS OWNER RECORDING…");
            System.exit(2);
        }
        String brokers = arguments[0];
        String owner = arguments[1];
        List<String> recordings = List.of(arguments).subList(2, arguments.length);
        try (KafkaConsumer<String, byte[]> news = news(brokers)) {
            Map<String, String> uploads = send(brokers, owner, recordings);
            System.exit(follow(news, uploads) == 0 ? 0 : 1);
        }
    }

    private static String topic(String name) {
        return System.getProperty(name, "scribed." + name);
    }

    /** Makes the event of a recording. */
    private static Map<String, Object> event(String recording, String owner) throws Exception {
        Map<String, Object> event = new HashMap<>();
        event.put("schema", "scribed.upload/1");
        // The id is yours: sending it again, for whatever reason, is the same job. Take one that your
        // own records know, and one that stays the same when you try again.
        event.put("id", UUID.randomUUID().toString());
        event.put("owner", owner);
        event.put("media", recording.startsWith("file://")
                ? Map.of("file", recording)
                : Map.of("data", Base64.getEncoder().encodeToString(Files.readAllBytes(Path.of(recording)))));
        event.put("name", Path.of(recording).getFileName().toString());
        event.put("reference", recording);
        return event;
    }

    /** Sends an event for each recording; returns their names by the ids of the events. */
    private static Map<String, String> send(String brokers, String owner, List<String> recordings)
            throws Exception {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", brokers);
        Map<String, String> uploads = new HashMap<>();
        List<Future<RecordMetadata>> acknowledgements = new ArrayList<>();
        try (var producer = new KafkaProducer<>(settings, new StringSerializer(), new ByteArraySerializer())) {
            for (String recording : recordings) {
                Map<String, Object> event = event(recording, owner);
                var record = new ProducerRecord<>(topic("uploads"), owner, JSON.writeValueAsBytes(event));
                record.headers().add("content-type", "application/json".getBytes());
                acknowledgements.add(producer.send(record));
                uploads.put((String) event.get("id"), (String) event.get("name"));
            }
            // Only what the brokers have acknowledged is sent.
            for (Future<RecordMetadata> acknowledgement : acknowledgements) {
                acknowledgement.get();
            }
        }
        return uploads;
    }

    /** Returns a consumer of what the daemons tell, from now on; it is no member of a group. */
    private static KafkaConsumer<String, byte[]> news(String brokers) {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", brokers);
        settings.put("enable.auto.commit", "false");
        settings.put("allow.auto.create.topics", "false");
        var news = new KafkaConsumer<>(settings, new StringDeserializer(), new ByteArrayDeserializer());
        List<TopicPartition> partitions = new ArrayList<>();
        for (String topic : List.of(topic("states"), topic("transcripts"))) {
            news.partitionsFor(topic).forEach(info -> partitions.add(new TopicPartition(topic, info.partition())));
        }
        news.assign(partitions);
        news.seekToEnd(partitions);
        // The end is looked up when it is first needed, which must be before anything is sent.
        partitions.forEach(news::position);
        return news;
    }

    /** Prints the text of our uploads until each is done; returns how many did not complete. */
    private static int follow(KafkaConsumer<String, byte[]> news, Map<String, String> uploads)
            throws Exception {
        Set<String> open = new HashSet<>(uploads.keySet());
        Set<String> seen = new HashSet<>();
        int failed = 0;
        while (!open.isEmpty()) {
            failed += read(news, uploads, open, seen);
        }
        // The end of a job is told after its text, but on another topic, and may be read before: what
        // was told by now is read as well.
        Set<TopicPartition> ofText = new HashSet<>(news.assignment());
        ofText.removeIf(partition -> !partition.topic().equals(topic("transcripts")));
        Map<TopicPartition, Long> ends = news.endOffsets(ofText);
        while (ofText.stream().anyMatch(partition -> news.position(partition) < ends.get(partition))) {
            read(news, uploads, open, seen);
        }
        return failed;
    }

    /** Prints what is new of our uploads; returns how many of those that ended did not complete. */
    private static int read(KafkaConsumer<String, byte[]> news, Map<String, String> uploads,
            Set<String> open, Set<String> seen) throws Exception {
        int failed = 0;
        for (var record : news.poll(Duration.ofSeconds(1))) {
            JsonNode told = JSON.readTree(record.value());
            String upload = told.path("upload").asText();
            // Events come at least once; the same id is the same event.
            if (!uploads.containsKey(upload) || !seen.add(told.get("id").asText())) {
                continue;
            }
            String schema = told.get("schema").asText();
            if (schema.equals("scribed.chunk/1") && !told.get("text").asText().isEmpty()) {
                System.out.printf("%s %.1f s: %s%n",
                        uploads.get(upload), told.get("start").asDouble(), told.get("text").asText());
            }
            if (schema.equals("scribed.state/1") && DONE.contains(told.get("state").asText())) {
                System.out.printf("%s: %s %s%n", told.path("reference").asText(),
                        told.get("state").asText(), told.path("error").asText());
                failed += told.get("state").asText().equals("completed") ? 0 : 1;
                open.remove(upload);
            }
        }
        return failed;
    }
}
