/* Two libnice agents that may use relays alone connect through a TURN server and exchange datagrams.
 * Usage: nice_pair PORT USER PASSWORD udp|tcp.  Exit status 0 when every datagram arrived both ways. */
#include <nice/agent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { kMessages = 100, kSeconds = 60 };

typedef struct {
    NiceAgent* agent;
    guint stream;
    gboolean gathered, ready;
    int heard;
} End;

static GMainLoop* loop;
static End ends[2];

static void fail(const char* what) {
    fprintf(stderr, "nice_pair: %s\n", what);
    exit(1);
}

static gboolean too_late(gpointer data) {
    (void)data;
    fprintf(stderr, "heard %d and %d\n", ends[0].heard, ends[1].heard);
    fail("too late");
    return FALSE;
}

static void say(End* end, int number) {
    char text[64];
    const int size = snprintf(text, sizeof text, "datagram %d", number);
    if (nice_agent_send(end->agent, end->stream, 1, (guint)size, text) != size) fail("cannot send");
}

/* Each datagram heard is answered with the next, so that one that is lost stops all. */
static void hear(NiceAgent* agent, guint stream, guint component, guint size, gchar* data, gpointer own) {
    (void)agent, (void)stream, (void)component;
    End* end = own;
    char expected[64];
    snprintf(expected, sizeof expected, "datagram %d", end->heard);
    if (size != strlen(expected) || memcmp(data, expected, size) != 0) fail("a wrong datagram");
    ++end->heard;
    if (end == &ends[0] && end->heard == kMessages) g_main_loop_quit(loop);
    if (end->heard <= kMessages) say(end, end == &ends[0] ? end->heard : end->heard - 1);
}

static void changed(NiceAgent* agent, guint stream, guint component, guint state, gpointer own) {
    (void)agent, (void)stream, (void)component;
    End* end = own;
    if (state == NICE_COMPONENT_STATE_FAILED) fail("not connected");
    if (state != NICE_COMPONENT_STATE_READY || end->ready) return;
    end->ready = TRUE;
    if (ends[0].ready && ends[1].ready) say(&ends[0], 0);
}

static void exchange(End* from, End* to) {
    gchar *ufrag = NULL, *password = NULL;
    nice_agent_get_local_credentials(from->agent, from->stream, &ufrag, &password);
    nice_agent_set_remote_credentials(to->agent, to->stream, ufrag, password);
    GSList* candidates = nice_agent_get_local_candidates(from->agent, from->stream, 1);
    if (!candidates) fail("no candidate");
    for (GSList* at = candidates; at; at = at->next)
        if (((NiceCandidate*)at->data)->type != NICE_CANDIDATE_TYPE_RELAYED) fail("a candidate that is not relayed");
    nice_agent_set_remote_candidates(to->agent, to->stream, 1, candidates);
    g_slist_free_full(candidates, (GDestroyNotify)nice_candidate_free);
    g_free(ufrag), g_free(password);
}

static void gathered(NiceAgent* agent, guint stream, gpointer own) {
    (void)agent, (void)stream;
    ((End*)own)->gathered = TRUE;
    if (!ends[0].gathered || !ends[1].gathered) return;
    exchange(&ends[0], &ends[1]);
    exchange(&ends[1], &ends[0]);
}

static void prepare(End* end, gboolean controlling, guint port, char** argv) {
    const NiceRelayType type = strcmp(argv[4], "tcp") == 0 ? NICE_RELAY_TYPE_TURN_TCP : NICE_RELAY_TYPE_TURN_UDP;
    end->agent = nice_agent_new(g_main_loop_get_context(loop), NICE_COMPATIBILITY_RFC5245);
    g_object_set(end->agent, "controlling-mode", controlling, "force-relay", TRUE, "ice-tcp", FALSE, NULL);
    NiceAddress local;
    nice_address_init(&local);
    nice_address_set_from_string(&local, "127.0.0.1");
    nice_agent_add_local_address(end->agent, &local);
    end->stream = nice_agent_add_stream(end->agent, 1);
    nice_agent_set_relay_info(end->agent, end->stream, 1, "127.0.0.1", port, argv[2], argv[3], type);
    g_signal_connect(end->agent, "candidate-gathering-done", G_CALLBACK(gathered), end);
    g_signal_connect(end->agent, "component-state-changed", G_CALLBACK(changed), end);
    nice_agent_attach_recv(end->agent, end->stream, 1, g_main_loop_get_context(loop), hear, end);
}

int main(int argc, char** argv) {
    if (argc != 5) fail("usage: nice_pair PORT USER PASSWORD udp|tcp");
    loop = g_main_loop_new(NULL, FALSE);
    g_timeout_add_seconds(kSeconds, too_late, NULL);
    for (int i = 0; i < 2; ++i) prepare(&ends[i], i == 0, (guint)atoi(argv[1]), argv);
    for (int i = 0; i < 2; ++i)
        if (!nice_agent_gather_candidates(ends[i].agent, ends[i].stream)) fail("cannot gather");
    g_main_loop_run(loop);
    printf("%d datagrams each way\n", ends[0].heard);
    for (int i = 0; i < 2; ++i) g_object_unref(ends[i].agent);
    return 0;
}
