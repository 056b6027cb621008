/* Two users on libstrophe, one with STARTTLS and one with TLS from the first octet: SCRAM, roster, presence, messages
 * both ways, and the first one's TCP connection cut and its stream resumed, with a message sent to it meanwhile. Ends
 * with 0 when all was seen. Spec: RFC 6120, RFC 6121, XEP-0198, XEP-0368.  Usage: strophe_client ROMEO_JID PASSWORD
 * JULIET_JID PASSWORD PORT TLS_PORT */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <strophe.h>

enum { kUsers = 2, kDeadline = 40 };

struct user {
    const char *jid, *password;
    unsigned short port;
    long flags;
    xmpp_conn_t* conn;
    int fd, connects, rosters, sees_other;
    char got[1024]; /* the bodies, each with a '.' behind it */
};

static struct user users[kUsers];
static xmpp_ctx_t* ctx;
static int resumed, scram, cut, back_sent, done;
static const char* problem;

static struct user* other(struct user* of) { return of == &users[0] ? &users[1] : &users[0]; }

static void fail(const char* why) {
    if (!problem) problem = why;
    xmpp_stop(ctx);
}

static void watch_log(void* userdata, xmpp_log_level_t level, const char* area, const char* text) {
    (void)userdata;
    if (strstr(text, "Session resumed successfully")) resumed++;
    if (strstr(text, "mechanism=\"SCRAM-")) scram++;
    if (getenv("STROPHE_LOG")) fprintf(stderr, "%d %s %s\n", (int)level, area, text);
}

static int remember_socket(xmpp_conn_t* conn, void* fd) {
    for (int i = 0; i < kUsers; i++)
        if (users[i].conn == conn) users[i].fd = *(int*)fd;
    return 0;
}

static void say(struct user* from, const char* body) {
    xmpp_stanza_t* message = xmpp_message_new(ctx, "chat", other(from)->jid, NULL);
    xmpp_message_set_body(message, body);
    xmpp_send(from->conn, message);
    xmpp_stanza_release(message);
}

static int on_message(xmpp_conn_t* conn, xmpp_stanza_t* stanza, void* userdata) {
    struct user* me = userdata;
    char* body = xmpp_message_get_body(stanza);
    (void)conn;
    if (!body) return 1;
    if (strlen(me->got) + strlen(body) + 2 < sizeof me->got) strcat(strcat(me->got, body), ".");
    if (!strcmp(body, "hello")) say(me, "hello yourself");
    if (!strcmp(body, "after")) done = 1;
    xmpp_free(ctx, body);
    return 1;
}

static int on_presence(xmpp_conn_t* conn, xmpp_stanza_t* stanza, void* userdata) {
    struct user* me = userdata;
    const char *from = xmpp_stanza_get_from(stanza), *type = xmpp_stanza_get_type(stanza);
    if (type && !strcmp(type, "subscribe")) {
        xmpp_stanza_t* yes = xmpp_presence_new(ctx);
        xmpp_stanza_set_to(yes, from);
        xmpp_stanza_set_type(yes, "subscribed");
        xmpp_send(conn, yes);
        xmpp_stanza_release(yes);
    }
    if (!type && from && !strncmp(from, other(me)->jid, strlen(other(me)->jid))) me->sees_other = 1;
    if (type && !strcmp(type, "unavailable") && !done) fail("a resumed stream looked like a log-out to the contact");
    return 1;
}

static int on_roster(xmpp_conn_t* conn, xmpp_stanza_t* stanza, void* userdata) {
    struct user* me = userdata;
    xmpp_stanza_t* presence;
    const char* type = xmpp_stanza_get_type(stanza);
    if (!type || strcmp(type, "result") || !xmpp_stanza_get_child_by_ns(stanza, XMPP_NS_ROSTER)) fail("no roster");
    me->rosters++;
    presence = xmpp_presence_new(ctx);
    xmpp_send(conn, presence);
    xmpp_stanza_set_to(presence, other(me)->jid);
    xmpp_stanza_set_type(presence, "subscribe");
    xmpp_send(conn, presence);
    xmpp_stanza_release(presence);
    return 0;
}

static void ask_roster(struct user* me) {
    xmpp_stanza_t *iq = xmpp_iq_new(ctx, "get", "roster1"), *query = xmpp_stanza_new(ctx);
    xmpp_stanza_set_name(query, "query");
    xmpp_stanza_set_ns(query, XMPP_NS_ROSTER);
    xmpp_stanza_add_child(iq, query);
    xmpp_stanza_release(query);
    xmpp_id_handler_add(me->conn, on_roster, "roster1", me);
    xmpp_send(me->conn, iq);
    xmpp_stanza_release(iq);
}

static void on_stream(xmpp_conn_t* conn, xmpp_conn_event_t event, int error, xmpp_stream_error_t* stream_error,
                      void* userdata);

static void go(struct user* me) {
    if (xmpp_connect_client(me->conn, "127.0.0.1", me->port, on_stream, me) != XMPP_EOK) fail("no connection");
}

static void fresh(struct user* me) {
    me->conn = xmpp_conn_new(ctx);
    xmpp_conn_set_flags(me->conn, me->flags);
    xmpp_conn_set_jid(me->conn, me->jid);
    xmpp_conn_set_pass(me->conn, me->password);
    xmpp_conn_set_sockopt_callback(me->conn, remember_socket);
    xmpp_handler_add(me->conn, on_message, NULL, "message", NULL, me);
    xmpp_handler_add(me->conn, on_presence, NULL, "presence", NULL, me);
}

static void on_stream(xmpp_conn_t* conn, xmpp_conn_event_t event, int error, xmpp_stream_error_t* stream_error,
                      void* userdata) {
    struct user* me = userdata;
    (void)stream_error;
    (void)error;
    if (event == XMPP_CONN_CONNECT) {
        if (!xmpp_conn_is_secured(conn)) fail("not encrypted");
        if (me->connects++ == 0) ask_roster(me);
        return;
    }
    if (done || problem) {
        if (xmpp_conn_is_disconnected(other(me)->conn) || problem) xmpp_stop(ctx);
        return;
    }
    if (cut != 1 || me != &users[0]) {
        fail("the stream ended by itself");
        return;
    }
    cut = 2; /* what tick() sees: cut, and libstrophe knows */
}

/* A few times a second: takes the next step once the last one was seen. */
static int tick(xmpp_ctx_t* context, void* userdata) {
    struct user *romeo = &users[0], *juliet = &users[1];
    time_t* until = userdata;
    (void)context;
    if (time(NULL) > *until) fail("not in time");
    if (done == 1) {
        done = 2;
        xmpp_disconnect(romeo->conn);
        xmpp_disconnect(juliet->conn);
    } else if (!cut && romeo->sees_other && juliet->sees_other && !romeo->got[0]) {
        romeo->got[0] = '.';
        romeo->got[1] = 0;
        say(romeo, "hello");
    } else if (!cut && strstr(romeo->got, "hello yourself.")) {
        cut = 1;
        shutdown(romeo->fd, SHUT_RDWR);
        say(juliet, "meanwhile");
    } else if (cut == 2) {
        xmpp_sm_state_t* state = xmpp_conn_get_sm_state(romeo->conn);
        if (!state) {
            fail("libstrophe has nothing to resume");
            return 0;
        }
        xmpp_conn_release(romeo->conn);
        fresh(romeo);
        xmpp_conn_set_sm_state(romeo->conn, state);
        cut = 3;
        go(romeo);
    } else if (cut == 3 && strstr(romeo->got, "meanwhile.") && !back_sent) {
        back_sent = 1;
        say(romeo, "after");
    }
    return 1;
}

static int check(int seen, const char* what) {
    printf("%-60s %s\n", what, seen ? "seen" : "MISSING");
    return seen ? 0 : 1;
}

int main(int argc, char** argv) {
    xmpp_log_t log = {watch_log, NULL};
    time_t until = time(NULL) + kDeadline;
    int missing = 0;
    if (argc != 7) return 2;
    signal(SIGPIPE, SIG_IGN); /* a peer that has closed is an error to libstrophe, not to the process */
    xmpp_initialize();
    ctx = xmpp_ctx_new(NULL, &log);
    for (int i = 0; i < kUsers; i++) {
        users[i].jid = argv[1 + 2 * i];
        users[i].password = argv[2 + 2 * i];
        users[i].port = (unsigned short)atoi(argv[5 + i]);
        users[i].flags = XMPP_CONN_FLAG_TRUST_TLS | (i ? XMPP_CONN_FLAG_LEGACY_SSL : XMPP_CONN_FLAG_MANDATORY_TLS);
        fresh(&users[i]);
        go(&users[i]);
    }
    xmpp_global_timed_handler_add(ctx, tick, 100, &until);
    xmpp_run(ctx);

    if (problem) printf("PROBLEM: %s\n", problem);
    missing += check(scram >= 2, "log-in with SCRAM");
    missing += check(users[0].rosters == 1 && users[1].rosters == 1, "rosters");
    missing += check(users[0].sees_other && users[1].sees_other, "subscription and presence both ways");
    missing += check(!strcmp(users[1].got, "hello.after."), "messages to the one on direct TLS, each once, in order");
    missing += check(!strcmp(users[0].got, ".hello yourself.meanwhile."),
                     "messages to the one that was cut, each once, in order");
    missing += check(resumed == 1, "stream resumed");
    for (int i = 0; i < kUsers; i++) xmpp_conn_release(users[i].conn);
    xmpp_ctx_free(ctx);
    xmpp_shutdown();
    return missing || problem ? 1 : 0;
}
