#include "libshared/service/service_internal.h"

#include "gen/kongsi_errors.h"
#include "libshared/base/log.h"

#include <getopt.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum action {
    ACTION_RUN,
    ACTION_CHECK_CONFIG,
    ACTION_PRINT_CONFIG,
    ACTION_MIGRATE,
    ACTION_CALL,
    ACTION_REPUBLISH,
    ACTION_REPLAY
};

struct arguments {
    enum action action;
    const char *config_path;
    const char *command_arguments[2];
};

/* Commands: the words that name one, and how many arguments follow. */
static const struct {
    const char *words[2];
    int argument_count;
    enum action action;
} COMMANDS[] = {
    {{"migrate", NULL}, 0, ACTION_MIGRATE},
    {{"call", NULL}, 1, ACTION_CALL},
    {{"events", "republish"}, 2, ACTION_REPUBLISH},
    {{"events", "replay"}, 1, ACTION_REPLAY},
};

static void print_help(const char *program)
{
    printf("%s [--config FILE] [COMMAND]\n"
           "\n"
           "Runs until SIGTERM. Commands instead of that:\n"
           "  migrate              bring the databases up to date and end\n"
           "  call SERVICE/METHOD  call an RPC in Kongsi's own name: JSON on stdin, JSON on stdout\n"
           "  events republish SERVICE TIME  publish a service's retained events to Kafka again, from a time (RFC 3339) on\n"
           "  events replay CONSUMER         deliver the parked events (dead letters) of a consumer once more\n"
           "\n"
           "  --config FILE   configuration (YAML); KONGSI_<SECTION>_<KEY> in the environment overrides it\n"
           "  --check-config  check the configuration and end\n"
           "  --print-config  print the configuration in force, secrets hidden, and end\n"
           "  --version\n"
           "  --help\n",
        program);
}

/* Fills the arguments; returns -1 to go on, else the exit status. */
static int parse_options(const char *program, int argc, char **argv, struct arguments *arguments)
{
    static const struct option OPTIONS[] = {{"config", required_argument, NULL, 'c'},
        {"check-config", no_argument, NULL, 'k'}, {"print-config", no_argument, NULL, 'p'},
        {"version", no_argument, NULL, 'v'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    int option;
    while ((option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1) {
        switch (option) {
        case 'c':
            arguments->config_path = optarg;
            break;
        case 'k':
            arguments->action = ACTION_CHECK_CONFIG;
            break;
        case 'p':
            arguments->action = ACTION_PRINT_CONFIG;
            break;
        case 'v':
            printf("%s %s\n", program, KONGSI_VERSION);
            return EXIT_SUCCESS;
        case 'h':
            print_help(program);
            return EXIT_SUCCESS;
        default:
            fprintf(stderr, "try %s --help\n", program);
            return 2;
        }
    }
    return -1;
}

static int parse_command(const char *program, int argc, char **argv, struct arguments *arguments)
{
    int left = argc - optind;
    if (left == 0) {
        return -1;
    }
    for (size_t i = 0; i < sizeof(COMMANDS) / sizeof(COMMANDS[0]); i++) {
        int words = COMMANDS[i].words[1] ? 2 : 1;
        bool named = left >= words && strcmp(argv[optind], COMMANDS[i].words[0]) == 0 &&
                     (words == 1 || strcmp(argv[optind + 1], COMMANDS[i].words[1]) == 0);
        if (named && left == words + COMMANDS[i].argument_count) {
            arguments->action = COMMANDS[i].action;
            for (int k = 0; k < COMMANDS[i].argument_count; k++) {
                arguments->command_arguments[k] = argv[optind + words + k];
            }
            return -1;
        }
    }
    fprintf(stderr, "%s: unknown command or wrong number of arguments: %s; try %s --help\n", program, argv[optind], program);
    return 2;
}

/* What the thread that takes SIGTERM and SIGINT shares with the main thread. */
static struct {
    sigset_t signals;
    atomic_bool ready; /* the start is over: a signal asks for a drain */
    atomic_int received;
    sem_t taken;
} g_ending;

static const char *signal_name(int signal_number)
{
    return signal_number == SIGTERM ? "SIGTERM" : "SIGINT";
}

/* Before the program is ready nothing is promised to anybody (a migration is a transaction), so it ends at once, whatever it
 * waits for; afterwards the first signal drains, a second one ends it at once. */
static void *take_signals(void *unused)
{
    (void)unused;
    int received = 0;
    sigwait(&g_ending.signals, &received);
    if (!atomic_load(&g_ending.ready)) {
        log_info("%s during the start: ending", signal_name(received));
        _exit(EXIT_SUCCESS);
    }
    atomic_store(&g_ending.received, received);
    sem_post(&g_ending.taken);
    sigwait(&g_ending.signals, &received);
    log_warn("%s again: ending without waiting for what is under way", signal_name(received));
    _exit(EXIT_FAILURE);
}

/* From here on no other thread sees the signals: those made later inherit the mask. */
static struct err *watch_signals(void)
{
    sigemptyset(&g_ending.signals);
    sigaddset(&g_ending.signals, SIGTERM);
    sigaddset(&g_ending.signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &g_ending.signals, NULL);
    sem_init(&g_ending.taken, 0, 0);
    pthread_t thread;
    if (pthread_create(&thread, NULL, take_signals, NULL) != 0) {
        return err_new(&KONGSI_UNAVAILABLE, "cannot start a thread: raise the limit on processes and threads");
    }
    pthread_detach(thread);
    return NULL;
}

static struct err *start(struct service_process *process)
{
    ERR_TRY(watch_signals());
    ERR_TRY(service_process_open(process));
    return service_process_serve(process);
}

static int run(struct service_process *process)
{
    int64_t begin_ms = clock_monotonic_ms();
    ERR_AUTO error = start(process);
    if (error) {
        log_err(LOG_LEVEL_ERROR, error, "cannot start");
        return EXIT_FAILURE;
    }
    atomic_store(&g_ending.ready, true);
    log_info("ready in %lld ms", (long long)(clock_monotonic_ms() - begin_ms));
    while (sem_wait(&g_ending.taken) != 0) {
    }
    log_info("%s: draining", signal_name(atomic_load(&g_ending.received)));
    service_process_drain(process);
    return EXIT_SUCCESS;
}

static int print_config(const struct service_process *process)
{
    BUF_AUTO out;
    buf_init(&out, 1024 * 1024);
    bool printed = config_print(process->sections, process->section_count, &out) &&
                   fwrite(out.data, 1, out.length, stdout) == out.length && fflush(stdout) == 0;
    if (!printed) {
        fprintf(stderr, "%s: cannot write the configuration\n", process->program->name);
    }
    return printed ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int act(struct service_process *process, const struct arguments *arguments)
{
    ERR_AUTO error = service_config_load(process);
    if (error) {
        fprintf(stderr, "%s: %s\n", process->program->name, error->message);
        return EXIT_FAILURE;
    }
    log_init(process->program->name, (enum log_level)process->log.level);
    switch (arguments->action) {
    case ACTION_CHECK_CONFIG:
        return EXIT_SUCCESS;
    case ACTION_PRINT_CONFIG:
        return print_config(process);
    case ACTION_MIGRATE:
        error = service_migrate(process);
        break;
    case ACTION_CALL:
        return service_call(process, arguments->command_arguments[0]);
    case ACTION_REPUBLISH:
        error = service_events_republish(process, arguments->command_arguments[0], arguments->command_arguments[1]);
        break;
    case ACTION_REPLAY:
        error = service_events_replay(process, arguments->command_arguments[0]);
        break;
    case ACTION_RUN:
        return run(process);
    }
    if (error) {
        fprintf(stderr, "%s: %s\n", process->program->name, error->message);
    }
    return error ? EXIT_FAILURE : EXIT_SUCCESS;
}

int service_main(const struct service_program *program, int argc, char **argv)
{
    struct arguments arguments = {.action = ACTION_RUN};
    int status = parse_options(program->name, argc, argv, &arguments);
    if (status < 0) {
        status = parse_command(program->name, argc, argv, &arguments);
    }
    if (status >= 0) {
        return status;
    }
    signal(SIGPIPE, SIG_IGN);
    struct service_process *process = calloc(1, sizeof(*process));
    if (!process) {
        fprintf(stderr, "%s: out of memory\n", program->name);
        return EXIT_FAILURE;
    }
    process->program = program;
    process->config_path = arguments.config_path;
    for (const struct service_def *const *def = program->services; *def && process->slot_count < SERVICE_COUNT_MAX; def++) {
        process->slots[process->slot_count++].def = *def;
    }
    status = act(process, &arguments);
    service_process_close(process);
    service_config_deinit(process);
    free(process);
    return status;
}
