#!/bin/sh
# Lets a MariaDB write nothing to its files while they are read, and proves afterwards that it did not: hooks before and after
# a live backup of its volume. Runs in the database's container, as somebody with all rights there. MariaDB from 10.11; not MySQL.
#
#   mariadb-still.sh hold SECONDS    writes wait from here on, for at most that long
#   mariadb-still.sh release         they go on; fails if anything was written meanwhile, or if the time was over
#
# Queries that read go on. Nothing stays locked if nobody comes back: the lock belongs to a session that ends by itself.
# docs/decisions/0037-live-mariadb.md says why each step is needed.
set -eu
notes=${TMPDIR:-/tmp}/holdfast-mariadb-still

sql() {
    mariadb --batch --skip-column-names --execute "$1"
}

status_of() { # NAME...
    names=$(printf "'%s'," "$@")
    sql "SHOW GLOBAL STATUS WHERE Variable_name IN (${names%,})"
}

# Grows with every write to InnoDB's files, and with every transaction of Aria's.
written() {
    status_of Innodb_os_log_written Innodb_pages_written Innodb_dblwr_writes Aria_transaction_log_syncs
}

holder() { # the session that holds the lock, or NULL
    sql "SELECT IS_USED_LOCK('holdfast-still')"
}

let_go() {
    session=$(holder)
    [ "$session" = NULL ] || sql "KILL $session"
}

fail() {
    let_go
    echo "$1" >&2
    exit 1
}

wait_for() { # SECONDS COMMAND...
    left=$(($1 * 5))
    shift
    until "$@"; do
        left=$((left - 1))
        [ $left -gt 0 ] || return 1
        sleep 0.2
    done
}

is_held() {
    [ "$(holder)" != NULL ]
}

nothing_to_purge() {
    [ "$(status_of Innodb_history_list_length | cut -f 2)" = 0 ]
}

case $1 in
hold)
    ! is_held || { echo "Another backup holds it still." >&2; exit 1; }
    # The lock stops statements that write, but not InnoDB's own statistics: locks on their tables do.
    setsid mariadb --execute "
        SET lock_wait_timeout = 30;
        FLUSH TABLES WITH READ LOCK;
        BEGIN;
        SELECT COUNT(*) FROM mysql.innodb_table_stats LOCK IN SHARE MODE;
        SELECT COUNT(*) FROM mysql.innodb_index_stats LOCK IN SHARE MODE;
        DO GET_LOCK('holdfast-still', 0);
        DO SLEEP($2);" </dev/null >/dev/null 2>&1 &
    wait_for 40 is_held || fail "The lock was not given within 40 s: some statement has been running for long."
    # Old versions of rows are still removed, and that writes, until there are none.
    wait_for 30 nothing_to_purge || fail "A transaction that has been open for long keeps old versions of rows alive."
    sql "SET GLOBAL innodb_log_checkpoint_now = ON"
    written >"$notes"
    ;;
release)
    is_held || fail "The lock was gone before its end: give it more time."
    written >"$notes.after"
    let_go
    cmp -s "$notes" "$notes.after" || fail "MariaDB wrote to its files while they were read."
    ;;
esac
