from videossl.apis.front_door import main

if __name__ == '__main__':
    main()
