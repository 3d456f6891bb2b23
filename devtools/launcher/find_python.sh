# Sourced by ./run and ./test: sets $python to a Python new enough, or ends with a sentence.
for python in python3.11 python3.12 python3.13 python3 python ''; do
    if [ -z "$python" ]; then
        echo "Python 3.11 or newer is needed, and none was found. Нужен Python 3.11 или новее." >&2
        exit 1
    fi
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break
done
