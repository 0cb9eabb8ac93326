#include "libshared/service/service_internal.h"

#include "libshared/base/log.h"

#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum action { ACTION_RUN, ACTION_CHECK_CONFIG, ACTION_PRINT_CONFIG, ACTION_MIGRATE, ACTION_CALL, ACTION_REPUBLISH, ACTION_REPLAY };

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
    static const struct option OPTIONS[] = {{"config", required_argument, NULL, 'c'}, {"check-config", no_argument, NULL, 'k'},
        {"print-config", no_argument, NULL, 'p'}, {"version", no_argument, NULL, 'v'}, {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0}};
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

/* Signals that end the program are taken by sigwait in the main thread alone. */
static void block_signals(sigset_t *ret_signals)
{
    sigemptyset(ret_signals);
    sigaddset(ret_signals, SIGTERM);
    sigaddset(ret_signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, ret_signals, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static int run(struct service_process *process, const sigset_t *signals)
{
    int64_t begin_ms = clock_monotonic_ms();
    ERR_AUTO error = service_process_open(process);
    if (!error) {
        error = service_process_serve(process);
    }
    if (error) {
        log_err(LOG_LEVEL_ERROR, error, "cannot start");
        return EXIT_FAILURE;
    }
    log_info("ready in %lld ms", (long long)(clock_monotonic_ms() - begin_ms));
    int received = 0;
    sigwait(signals, &received);
    log_info("%s: draining", received == SIGTERM ? "SIGTERM" : "SIGINT");
    service_process_drain(process);
    return EXIT_SUCCESS;
}

static int print_config(const struct service_process *process)
{
    BUF_AUTO out;
    buf_init(&out, 1024 * 1024);
    if (!config_print(process->sections, process->section_count, &out)) {
        return EXIT_FAILURE;
    }
    fwrite(out.data, 1, out.length, stdout);
    return EXIT_SUCCESS;
}

static int act(struct service_process *process, const struct arguments *arguments, const sigset_t *signals)
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
        return run(process, signals);
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
    sigset_t signals;
    block_signals(&signals);
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
    status = act(process, &arguments, &signals);
    service_process_close(process);
    service_config_deinit(process);
    free(process);
    return status;
}
